"""Figures of what networks do: attractors that move bin centres, and an ensemble that settles."""

from __future__ import annotations

from typing import Any, cast

import altair as alt
import pandas as pd

from sitegen.charts import COLOURS, TITLE_ABOVE
from sitegen.records import Lesson, LessonEnsemble
from sitegen.store import Store
from sitegen.text import _
from sitegen.theory.operable import Operable, Panel, at, number, slider, text, value

__all__ = ["attractors", "ensemble"]

_CENTRES, _FAR = 32, 10
_ATTRACTORS = (3.0, 7.0)


def attractors(_store: Store) -> Operable:
    """Return bin centres before and after two attractors, by the formula of ZoeDepth."""
    inputs = [
        slider("first", _("First attractor, m"), (0, _FAR), 0.1, _ATTRACTORS[0]),
        slider("second", _("Second attractor, m"), (0, _FAR), 0.1, _ATTRACTORS[1]),
        slider("exponent", _("log₁₀ α"), (-2, 3), 0.25, 0),
        slider("gamma", _("γ"), (0.5, 4), 0.5, 2),
        value("alpha", expr="pow(10, exponent)"),
    ]
    pulls = " + ".join(
        f"({name} - datum.c) / (1 + alpha * pow(abs({name} - datum.c), gamma))" for name in ("first", "second")
    )
    moved = (
        alt.Chart(alt.NamedData("rows"))
        .transform_calculate(after=f"datum.c + ({pulls}) / {len(_ATTRACTORS)}")
        .transform_calculate(move="abs(datum.after - datum.c)")
    )
    places = [_("before"), _("after")]
    scale, row = alt.Scale(domain=[0, _FAR], nice=False), alt.Scale(domain=[-0.35, 1.2])
    axis = alt.Axis(
        values=[0, 1], labelExpr=f"datum.value == 1 ? {places[0]!r} : {places[1]!r}", title=None, grid=False
    )
    x, y = alt.X("c:Q", title=_("depth, m"), scale=scale), alt.Y("top:Q", scale=row, axis=axis)
    lines = moved.transform_calculate(top="1", bottom="0").mark_rule(stroke=COLOURS["strong-rule"], clip=True)
    before = moved.transform_calculate(top="1").mark_tick(
        orient="vertical", size=18, thickness=2, color=COLOURS["soft"]
    )
    after = moved.transform_calculate(top="0").mark_tick(
        orient="vertical", size=18, thickness=2, color=COLOURS["accent"], clip=True
    )
    layers = [
        lines.encode(x=x, y=y, x2=alt.X2("after"), y2=alt.Y2("bottom")),
        before.encode(x=x, y=y),
        after.encode(x=alt.X("after:Q", scale=scale), y=y),
        *_pulling(scale, y),
        at(
            moved.transform_aggregate(mean="mean(move)", most="max(move)"),
            (4, 10),
            text(
                _("α = {alpha}, γ = {gamma}: centres move by {mean} m on average, by {most} m at most"),
                alpha=number("alpha", ".3~g"),
                gamma=number("gamma", ".1f"),
                mean=number("datum.mean"),
                most=number("datum.most"),
            ),
        ),
    ]
    chart = alt.layer(*layers).properties(width=620, height=240).add_params(*inputs)
    centres = [_FAR * (k + 0.5) / _CENTRES for k in range(_CENTRES)]
    return Operable(
        chart,
        {"rows": pd.DataFrame({"c": centres}), "pulling": pd.DataFrame({"which": list(range(len(_ATTRACTORS)))})},
        title=_("Near centres go to an attractor, far ones hardly move"),
        alt=_(
            "{count} bin centres, evenly from 0 to {far} m, above; the same after attractors at {first} and {second} m "
            "with α = 1 and γ = 2, below: they have drawn together around the attractors."
        ).format(count=_CENTRES, far=_FAR, first=_ATTRACTORS[0], second=_ATTRACTORS[1]),
        note=_(
            "Move an attractor, and set how fast its pull fades with distance: α and γ. The released code of ZoeDepth "
            "has α = 1000 (log₁₀ α = 3) and γ = 2, so that only centres within a few centimetres follow all the way."
        ),
        remark=_("From the formula, with centres set evenly and two attractors; no network was run."),
    )


def _pulling(scale: alt.Scale, y: alt.Y) -> list[alt.Chart]:
    """Return the attractors as triangles below the centres that have moved."""
    base = alt.Chart(alt.NamedData("pulling")).transform_calculate(
        at="datum.which == 0 ? first : second", top="-0.2", name="datum.which == 0 ? 'a1' : 'a2'"
    )
    x = alt.X("at:Q", scale=scale)
    return [
        base.mark_point(shape="triangle-up", size=110, stroke=COLOURS["warn"], fill=COLOURS["warn"]).encode(x=x, y=y),
        base.mark_text(dx=14, dy=2).encode(x=x, y=y, text=alt.Text("name:N")),
    ]


# ---------------------------------------------------------------------------------------------------------------------
# The ensemble


def ensemble(_store: Store, lesson: Lesson) -> Operable:
    """Return merged maps of 1 to N members: one along a row with its spread, and the errors of several draws."""
    content = cast(LessonEnsemble, lesson.content)
    most = len(content.abs_rel)
    inputs = [slider("members", _("Members"), (1, most), 1, 1)]
    chart = alt.hconcat(
        _along(content).properties(width=330, height=260), _errors(most).properties(width=250, height=260), spacing=40
    ).add_params(*inputs)
    last, single = content.between_draws[-1], content.between_draws[0]
    return Operable(
        chart,
        {"along": _along_rows(content), "draws": _draw_rows(content), "chance": _chance_rows(content)},
        title=_("With more members less is left to chance"),
        alt=_(
            "Left: one prediction along the middle row of the image. Right: AbsRel of {draws} draws for 1 to {most} "
            "members. Maps of single members differ between draws by {single} of their range, merged maps of {most} "
            "members by {last}."
        ).format(draws=len(content.abs_rel[0]), most=most, single=f"{single:.4f}", last=f"{last:.4f}"),
        note=_(
            "Change the number of members. Left the merged map with a band of its uncertainty (the median deviation of "
            "the moved members); right the errors of all draws, those with this many members filled. Of two members "
            "the code takes the smaller as the median, and finds no uncertainty."
        ),
        lessons=(lesson,),
        remark=_(
            "The members are predictions of this model, not of Marigold, whose weights were not run here: the image "
            "got noise of {noise} grey levels anew for each. They were merged by Marigold's own code: {merging}."
        ).format(noise=f"{content.noise:g}", merging=content.merging),
    )


def _along_rows(content: LessonEnsemble) -> pd.DataFrame:
    spreads = [[0.0] * len(content.merged[0]), *content.spread]
    return pd.DataFrame(
        [
            {"n": count, "x": place, "z": depth, "low": depth - off, "high": depth + off}
            for count, (merged, spread) in enumerate(zip(content.merged, spreads, strict=True), start=1)
            for place, (depth, off) in enumerate(zip(merged, spread, strict=True))
        ]
    )


def _draw_rows(content: LessonEnsemble) -> pd.DataFrame:
    """Return the error of each draw, and its uncertainty, which a single member does not have."""
    none = [0.0] * len(content.abs_rel[0])
    return pd.DataFrame(
        [
            {"n": count, "v": error, "u": uncertainty}
            for count, (errors, found) in enumerate(
                zip(content.abs_rel, [none, *content.uncertainty], strict=True), start=1
            )
            for error, uncertainty in zip(errors, found, strict=True)
        ]
    )


def _chance_rows(content: LessonEnsemble) -> pd.DataFrame:
    return pd.DataFrame({"n": range(1, len(content.between_draws) + 1), "b": content.between_draws})


def _along(content: LessonEnsemble) -> Panel:
    base = alt.Chart(alt.NamedData("along")).transform_filter("datum.n == members")
    last = len(content.merged[0]) - 1
    x = alt.X("x:Q", title=_("column of the map, row {row}").format(row=content.row), scale=alt.Scale(domain=[0, last]))
    scale = alt.Scale(domain=[-0.1, 1.1], nice=False)
    title = _("merged depth, 0 near to 1 far")
    y = alt.Y("z:Q", title=title, scale=scale, axis=alt.Axis(**TITLE_ABOVE))
    band = base.mark_area(color=COLOURS["accent"], opacity=0.3, clip=True)
    line = base.mark_line(stroke=COLOURS["accent"], strokeWidth=1.6, clip=True)
    return alt.layer(
        band.encode(x=x, y=alt.Y("low:Q", scale=scale, title=title, axis=alt.Axis(**TITLE_ABOVE)), y2=alt.Y2("high")),
        line.encode(x=x, y=y),
    )


def _errors(most: int) -> Panel:
    draws = alt.Chart(alt.NamedData("draws"))
    chosen = draws.transform_filter("datum.n == members")
    x = alt.X(
        "n:Q", title=_("members"), scale=alt.Scale(domain=[0, most + 1], nice=False), axis=alt.Axis(tickMinStep=1)
    )
    y = alt.Y("v:Q", title=_("AbsRel ↓"), scale=alt.Scale(zero=False, padding=44), axis=alt.Axis(**TITLE_ABOVE))
    means = chosen.transform_aggregate(v="mean(v)", u="mean(u)")
    chance = alt.Chart(alt.NamedData("chance")).transform_filter("datum.n == members")
    dot: dict[str, Any] = {"size": 26, "stroke": COLOURS["accent"], "strokeWidth": 1}
    return alt.layer(
        draws.mark_point(fill=COLOURS["paper"], opacity=0.7, **dot).encode(x=x, y=y),
        chosen.mark_point(fill=COLOURS["accent"], **{**dot, "size": 60}).encode(x=x, y=y),
        at(means, (6, 8), text(_("AbsRel {value}"), value=number("datum.v", ".4f")), size=13),
        at(means, (6, 26), text(_("uncertainty {value}"), value=number("datum.u", ".4f")), size=13),
        at(chance, (6, 250), text(_("between draws {value}"), value=number("datum.b", ".4f")), size=13),
    )
