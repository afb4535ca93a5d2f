"""The codec: framing inverts, lengths are exact, levels refine, EnCodec's layout fits."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from encodec import EncodecModel

from imagintalk.codec.codec import Codec
from imagintalk.codec.excitation import minimum_phase, pulse_train
from imagintalk.codec.frames import inverse_short_time_spectrum, short_time_spectrum
from imagintalk.codec.mel_imposing import impose_mel
from imagintalk.codec.quantizer import ResidualQuantizer
from imagintalk.codec.spectral_encoder import SpectralEncoder
from imagintalk.config import load_config
from imagintalk.errors import ConfigError, WeightsError
from imagintalk.rates import SAMPLE_RATE


@pytest.fixture
def codec() -> Codec:
    torch.manual_seed(0)
    codec = Codec(load_config("tiny").codec).eval()
    sounds = [sound(48_000) for _ in range(3)]
    codec.encoder.fit(sounds)
    codec.quantizer.start(torch.cat([codec.encoder(s[None, None])[0] for s in sounds], dim=1).T)
    return codec


def sound(length: int) -> torch.Tensor:
    """Noise whose level changes every tenth of a second."""
    level = torch.rand(-(-length // 2400)).repeat_interleave(2400)[:length]
    return torch.randn(length) * level * 0.2


@pytest.mark.parametrize(("size", "hop"), [(960, 240), (1920, 480), (480, 240)])
def test_spectrum_inverts(size: int, hop: int) -> None:
    samples = torch.randn(2, 10 * hop)
    spectrum = short_time_spectrum(samples, size, hop)
    assert spectrum.shape == (2, size // 2 + 1, 10)
    torch.testing.assert_close(inverse_short_time_spectrum(spectrum, size, hop), samples, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("length", [480, 481, 72_000, 71_999])
def test_whole_frames_cover_every_sample(codec: Codec, length: int) -> None:
    codes = codec.encode(torch.randn(1, length) * 0.1)
    frames = -(-length // 480)
    assert codes.shape == (1, 12, frames)
    assert codec.decode(codes).shape == (1, frames * 480)


def test_codes_follow_the_sound(codec: Codec) -> None:
    first, second = codec.encode(sound(48_000)[None]), codec.encode(sound(48_000)[None])
    assert (first != second).float().mean() > 0.3


def test_codes_of_a_part_are_those_of_the_whole(codec: Codec) -> None:
    samples = sound(48_000)[None]
    whole, part = codec.encode(samples), codec.encode(samples[:, 9600:38_400])
    # Two frames at each edge hear the silence outside of the part.
    torch.testing.assert_close(part[:, :, 2:-2], whole[:, :, 22:78])


def test_fitted_encoder_keeps_most_of_what_varies(codec: Codec) -> None:
    samples = sound(48_000)[None]
    features = codec.encoder.features(samples)[0] - codec.encoder.mean[:, None]
    latents = codec.encoder(samples[:, None])[0]
    rebuilt = torch.linalg.pinv(codec.encoder.projection.T) @ latents
    assert (features - rebuilt).square().mean() < 0.5 * features.square().mean()


def test_latents_tell_the_mel_spectrum_and_a_sound_is_given_it() -> None:
    torch.manual_seed(0)
    encoder = SpectralEncoder(480, dimension=212)
    encoder.fit([sound(240_000)])
    samples = sound(48_000)[None]
    mel = encoder.mel_of(encoder(samples[:, None]))
    true = encoder.mel @ short_time_spectrum(samples, 960, 240).abs()
    torch.testing.assert_close(mel, true, atol=2e-2, rtol=2e-2)

    noise = torch.randn_like(samples) * 0.1

    def distance(rounds: int) -> float:
        made = impose_mel(noise, mel, encoder.mel, 240, rounds)
        assert made.shape == samples.shape
        return float((encoder.mel @ short_time_spectrum(made, 960, 240).abs() - true).abs().mean())

    distances = [distance(rounds) for rounds in (0, 1, 4, 16)]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.3 * distances[0]


def test_same_codes_sound_the_same(codec: Codec) -> None:
    codes = torch.randint(0, 16, (1, 12, 20))
    torch.testing.assert_close(codec.decode(codes), codec.decode(codes))


def test_pulses_have_the_asked_pitch_and_no_sound_where_unvoiced() -> None:
    pitch = torch.full((1, 100), 120.0)
    voiced = torch.cat([torch.ones(1, 50), torch.zeros(1, 50)], dim=1)
    pulses = pulse_train(pitch, voiced, 240, SAMPLE_RATE)[0]
    spectrum = torch.fft.rfft(pulses[: SAMPLE_RATE // 2 - 480] * torch.hann_window(SAMPLE_RATE // 2 - 480)).abs()
    strongest = float(spectrum[1:].argmax() + 1) * SAMPLE_RATE / (SAMPLE_RATE // 2 - 480)
    assert strongest % 120 == pytest.approx(0, abs=3) or strongest % 120 == pytest.approx(120, abs=3)
    assert pulses[SAMPLE_RATE // 2 + 480 :].abs().max() == 0


def test_minimum_phase_keeps_the_magnitude_and_comes_late() -> None:
    log_magnitude = torch.randn(1, 241, 3).cumsum(1) * 0.02
    response = minimum_phase(log_magnitude)
    torch.testing.assert_close(response.abs().log(), log_magnitude, atol=1e-4, rtol=1e-3)
    impulse = torch.fft.irfft(response, 480, dim=1)
    assert impulse[:, :240].square().sum() > 20 * impulse[:, 240:].square().sum()


def test_more_levels_come_nearer() -> None:
    torch.manual_seed(1)
    quantizer = ResidualQuantizer(dimension=8, n_q=4, bins=16)
    vectors = torch.randn(500, 8)
    quantizer.start(vectors)
    quantizer.eval()
    latents = vectors[:100].T[None]
    errors = [float((quantizer.quantize(latents, levels).latents - latents).square().mean()) for levels in range(1, 5)]
    assert errors == sorted(errors, reverse=True)
    codes = quantizer.to_codes(latents, 4)
    torch.testing.assert_close(quantizer.to_latents(codes), quantizer.quantize(latents, 4).latents)
    wider = quantizer.to_latents(quantizer.to_codes(latents, 4, beam=8))
    assert float((wider - latents).square().mean()) < 0.95 * errors[-1]


def test_gradient_passes_the_quantizer_once() -> None:
    quantizer = ResidualQuantizer(dimension=4, n_q=3, bins=8)
    quantizer.start(torch.randn(100, 4))
    quantizer.eval()
    latents = torch.randn(1, 4, 5, requires_grad=True)
    quantizer.quantize(latents, 3).latents.sum().backward()
    torch.testing.assert_close(latents.grad, torch.ones_like(latents))


def test_every_level_commits_the_encoder() -> None:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(dimension=4, n_q=3, bins=8)
    quantizer.start(torch.randn(100, 4))
    quantizer.eval()
    gradients = []
    for levels in (1, 3):
        latents = torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
        quantizer.quantize(latents, levels).commitment.backward()
        gradients.append(latents.grad)
    assert not torch.allclose(gradients[0], gradients[1])


def test_encodec_weights_load_and_give_encodecs_codes() -> None:
    torch.manual_seed(0)
    theirs = EncodecModel.encodec_model_24khz(pretrained=False).eval()
    theirs.set_target_bandwidth(24.0)
    config = dataclasses.replace(
        load_config("paper").codec, frame_rate=75, ratios=(8, 5, 4, 2), levels=32, dimension=128, filters=32
    )
    ours = Codec(config).eval()
    ours.load_encodec(theirs.state_dict())
    sound = torch.randn(1, 1, 9600) * 0.1
    with torch.no_grad():
        expected = theirs.encode(sound)[0][0]
    torch.testing.assert_close(ours.encode(sound[:, 0]), expected)


def test_other_weights_are_refused_in_words(codec: Codec) -> None:
    with pytest.raises(WeightsError, match="expected the layout"):
        codec.load_encodec(EncodecModel.encodec_model_24khz(pretrained=False).state_dict())


@pytest.mark.parametrize("change", [{"encoder": "magic"}, {"encoder": "seanet", "ratios": (8, 5, 4, 2)}])
def test_a_codec_that_cannot_be_is_refused(change: dict) -> None:
    with pytest.raises(ConfigError):
        Codec(dataclasses.replace(load_config("tiny").codec, **change))


def test_paper_codec_runs_forward_and_backward() -> None:
    codec = Codec(load_config("paper").codec)
    codec.quantizer.start(torch.randn(1100, 128), iterations=1)
    latents = codec.encoder(torch.randn(1, 1, 4800))
    quantized = codec.quantizer.quantize(latents, 12)
    sound = codec.decoder(quantized.latents)
    assert sound.shape == (1, 1, 4800)
    (sound.square().mean() + quantized.commitment).backward()
    assert all(p.grad is not None for p in codec.encoder.parameters())
