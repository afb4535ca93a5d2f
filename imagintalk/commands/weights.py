"""`imagintalk weights`: which weights there are, fetching those of others, checking a model's."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "weights", help="list, fetch and verify weights", description="List, fetch and verify weights."
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="models, and weights of others, that are here or can be fetched").set_defaults(
        run=_list
    )
    fetch = actions.add_parser("fetch", help="download weights of others")
    fetch.add_argument("name", metavar="NAME", help="as `imagintalk weights list` names them")
    fetch.set_defaults(run=_fetch)
    verify = actions.add_parser("verify", help="compare a model's files with their checksums")
    verify.add_argument("model", metavar="MODEL", nargs="?", help="name or folder (default: the embedded one)")
    verify.set_defaults(run=_verify)


def _list(args: argparse.Namespace) -> int:
    from imagintalk.external import EXTERNAL, is_there
    from imagintalk.models import ModelStore, installed_models

    print("models")
    for folder in installed_models():
        store = ModelStore(folder)
        megabytes = sum(part["bytes"] for part in store.card["files"].values()) / 1e6
        print(f"  {store.name:14} {', '.join(store.parts)}; {megabytes:.1f} MB; {store.card['licence']}; {folder}")
    print("weights of others")
    for external in EXTERNAL.values():
        here = "here" if is_there(external) else "not here"
        checked = "" if external.verified else "; unverified: no published checksum"
        print(f"  {external.name:14} {here}; {external.role}; {external.licence}{checked}")
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from imagintalk.console import progress_bar
    from imagintalk.external import EXTERNAL, fetch

    with progress_bar() as notify:
        path = fetch(args.name, notify)
    checked = "" if EXTERNAL[args.name].verified else " (unverified: its publisher gives no checksum)"
    print(f"{args.name}: {path}{checked}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from imagintalk.models import DEFAULT_MODEL, ModelStore, find_model

    store = ModelStore(find_model(args.model or DEFAULT_MODEL))
    for part in store.parts:
        path = store.checked_file(part)
        print(f"{part:10} {path.name} is whole")
    return 0
