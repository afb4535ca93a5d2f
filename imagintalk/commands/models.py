"""`imagintalk models`: what lies in the weights store or could, and bringing more of it there."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagintalk.errors import OptionError, WeightsError

if TYPE_CHECKING:
    from imagintalk.external import External
    from imagintalk.models import ModelStore


def add_parser(subparsers: Any) -> None:
    words = "list, show, pull, verify and import models and weights"
    parser = subparsers.add_parser("models", help=words, description=words[0].upper() + words[1:] + ".")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="models, and weights of others, here or not").set_defaults(run=_list)
    show = actions.add_parser("show", help="parts, training, checksums, licences and source of one")
    show.add_argument("name", metavar="NAME", help="as `imagintalk models list` names it, or a model's folder")
    show.set_defaults(run=_show)
    pull = actions.add_parser(
        "pull",
        help="download weights of others, or a model",
        description="Download weights of others by their name, or a model by the address of its model.json. What was"
        " interrupted goes on with the next pull.",
    )
    pull.add_argument("name", metavar="NAME|URL")
    pull.add_argument("--sha256", metavar="HEX", help="of a model, as `imagintalk models show` tells it")
    pull.add_argument("--as", dest="as_name", metavar="NAME", help="name of a model in the store (default: its own)")
    pull.set_defaults(run=_pull)
    verify = actions.add_parser("verify", help="compare files with their checksums")
    verify.add_argument("name", metavar="NAME", nargs="?", help="name or folder (default: all that are here)")
    verify.set_defaults(run=_verify)
    bring = actions.add_parser(
        "import",
        help="copy a model, or weights downloaded by hand, into the store",
        description="Copy a model trained elsewhere, or weights downloaded by hand, into the store after a check.",
    )
    bring.add_argument("path", metavar="FOLDER|FILE", type=Path)
    bring.add_argument("--as", dest="as_name", metavar="NAME", help="name in the store (default: its own)")
    bring.set_defaults(run=_import)


def _list(args: argparse.Namespace) -> int:
    from imagintalk.external import EXTERNAL, is_there
    from imagintalk.models import installed_models

    print("models")
    for folder in installed_models():
        print(f"  {folder.name:14} {_line_of_model(folder)}")
    print("weights of others")
    for external in EXTERNAL.values():
        here = "here" if is_there(external) else "not here"
        checked = "SHA-256 known" if external.verified else "unverified: no published checksum"
        size = _megabytes(external.bytes) if external.bytes else "size unknown"
        print(f"  {external.name:14} {here}; {external.role}; {size}; {checked}; {external.licence}")
    return 0


def _line_of_model(folder: Path) -> str:
    from imagintalk.models import ModelStore

    try:
        store = ModelStore(folder)
    except WeightsError as error:
        return str(error)
    facts = (_origin(store), _megabytes(store.bytes), f"SHA-256 {store.sha256[:12]}", str(store.card["licence"]))
    return "; ".join(facts)


def _show(args: argparse.Namespace) -> int:
    from imagintalk.external import EXTERNAL
    from imagintalk.models import ModelStore, find_model

    external = EXTERNAL.get(args.name)
    rows = _rows_of_model(ModelStore(find_model(args.name))) if external is None else _rows_of_weights(external)
    for what, value in rows:
        print(f"{what:12} {value}")
    return 0


def _rows_of_model(store: ModelStore) -> list[tuple[str, str]]:
    card = store.card
    rows = [
        ("model", store.name),
        ("folder", str(store.folder)),
        ("source", _origin(store)),
        ("size", _megabytes(store.bytes)),
        ("SHA-256", store.sha256),
        ("licence", str(card["licence"])),
        *(("data", f"{corpus}: {licence}") for corpus, licence in card["data_licences"].items()),
    ]
    for part, facts in card["files"].items():
        training = facts["training"]
        told = [f"{name} {training[name]}" for name in ("steps", "recordings", "seed") if name in training]
        if "best_validation_score" in training:
            told.append(f"validation {training['best_validation_score']:.3f}")
        rows.append((part, "; ".join([*told, _megabytes(facts["bytes"]), f"SHA-256 {facts['sha256']}"])))
    rows += [(name, f"SHA-256 {facts['sha256']}") for name, facts in card.get("extras", {}).items()]
    return rows


def _rows_of_weights(external: External) -> list[tuple[str, str]]:
    from imagintalk.external import is_there, weights_folder
    from imagintalk.receipt import read_receipt

    folder = weights_folder() / external.name
    receipt = read_receipt(folder) if is_there(external) else None
    rows = [
        ("weights", external.name),
        ("what", external.role),
        ("licence", external.licence),
        ("page", external.page),
        ("here", str(folder) if is_there(external) else "no"),
    ]
    if external.preparation:
        rows.append(("preparation", external.preparation))
    for file in external.files:
        size = _megabytes(file.bytes) if file.bytes else "size unknown"
        checked = f"SHA-256 {file.sha256}" if file.sha256 else "no published checksum"
        rows.append(("file", f"{file.name}; {size}; {checked}; {file.url or 'no direct download'}"))
    if receipt is not None:
        rows.append(("came", f"{receipt.came} from {receipt.source}; {_megabytes(receipt.bytes)}"))
        rows += [("holds", f"{name}; SHA-256 {facts['sha256']}") for name, facts in receipt.files.items()]
    return rows


def _pull(args: argparse.Namespace) -> int:
    from imagintalk.console import progress_bar
    from imagintalk.external import EXTERNAL
    from imagintalk.stock import pull_model, pull_weights

    address = "://" in args.name
    if not address and (args.sha256 or args.as_name):
        raise OptionError(f"{args.name}: --sha256 and --as are for a model's address; leave them out")
    with progress_bar() as notify:
        path = pull_model(args.name, args.as_name, args.sha256, notify) if address else pull_weights(args.name, notify)
    checked = address or EXTERNAL[args.name].verified
    print(f"{path}{'' if checked else ' (unverified: its publisher gives no checksum)'}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from imagintalk.external import EXTERNAL, is_there
    from imagintalk.models import find_model, installed_models

    if args.name is None:
        models = installed_models()
        weights = [external for external in EXTERNAL.values() if is_there(external)]
    elif args.name in EXTERNAL:
        models, weights = [], [EXTERNAL[args.name]]
    else:
        models, weights = [find_model(args.name)], []
    faults = [*map(_fault_of_model, models), *map(_fault_of_weights, weights)]
    found = [fault for fault in faults if fault]
    for fault in found[:-1]:
        print(f"imagintalk: {fault}", file=sys.stderr)
    if found:
        raise WeightsError(found[-1])
    return 0


def _fault_of_model(folder: Path) -> str:
    """Prints what is whole. Gives the first fault in words, or nothing."""
    from imagintalk.models import ModelStore

    try:
        for path in ModelStore(folder).checked_files():
            print(f"{folder.name}: {path.name} is whole")
    except WeightsError as error:
        return str(error)
    return ""


def _fault_of_weights(external: External) -> str:
    from imagintalk.external import external_weights, weights_folder
    from imagintalk.receipt import checked_files

    folder = weights_folder() / external.name
    try:
        external_weights(external.name)
        for path, compared in checked_files(folder, external):
            known = "is whole" if compared else "is there; there is no checksum to compare it with"
            print(f"{external.name}: {path.relative_to(folder)} {known}")
    except WeightsError as error:
        return str(error)
    return ""


def _import(args: argparse.Namespace) -> int:
    from imagintalk.console import progress_bar
    from imagintalk.models import MODEL_FILE
    from imagintalk.stock import import_model, import_weights

    bring = import_model if (args.path / MODEL_FILE).is_file() else import_weights
    with progress_bar() as notify:
        path = bring(args.path, args.as_name, notify)
    print(path)
    return 0


def _origin(store: ModelStore) -> str:
    from imagintalk.models import EMBEDDED_MODELS

    if store.folder.parent == EMBEDDED_MODELS:
        return "shipped with the program"
    return store.source or "trained here"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
