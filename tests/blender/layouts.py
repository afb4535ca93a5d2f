"""A layout that remembers what was drawn: without a window, Blender draws nothing."""

from __future__ import annotations

from typing import Any


class Layout:
    """Takes every call of a layout; `shown` has all texts, `offered` all operators."""

    def __init__(self, root: Layout | None = None) -> None:
        root = root or self
        self.__dict__["root"] = root
        if root is self:
            self.__dict__.update(shown=[], offered=[], properties=[], bars=[])

    def __setattr__(self, name: str, value: Any) -> None:
        pass  # scale, alignment and the like

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: Layout(self.root)

    def label(self, text: str = "", icon: str = "NONE", **_: Any) -> None:
        self.root.shown.append(text)

    def operator(self, name: str, **_: Any) -> Any:
        self.root.offered.append(name)
        return type("Properties", (), {})()

    def prop(self, data: Any, name: str, **_: Any) -> None:
        assert name in data.bl_rna.properties, name
        self.root.properties.append(name)

    def progress(self, factor: float, text: str, **_: Any) -> None:
        self.root.bars.append((factor, text))

    def template_icon(self, value: int, **_: Any) -> None:
        self.root.shown.append(f"icon {value}")


def draw(addon: Any, panel: str, context: Any) -> Layout:
    """What a panel of the add-on draws."""
    layout = Layout()
    cls = getattr(addon.part("panels"), f"IMAGINTALK_PT_{panel}")
    holder = type("Drawn", (), {"layout": layout})()
    if cls.poll(context):
        cls.draw(holder, context)
    return layout


def draw_rows(addon: Any, kind: str, context: Any, items: Any) -> Layout:
    """What a list of the add-on draws for these items."""
    layout = Layout()
    cls = getattr(addon.part("panels"), f"IMAGINTALK_UL_{kind}")
    for item in items:
        cls.draw_item(cls, context, layout, None, item, 0, None, "")
    return layout
