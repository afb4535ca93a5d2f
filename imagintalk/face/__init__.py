"""From a clip to what the model sees of one face: tracks, the speaking face, crops, identity and expression."""
