"""Figures of fits: scale and shift by hand, the space of the fit, and a loss that cuts its largest residuals."""

from __future__ import annotations

import math
from typing import Any, cast

import altair as alt
import pandas as pd

from sitegen.charts import COLOURS, TITLE_ABOVE
from sitegen.records import Lesson, LessonFit, LessonPixels
from sitegen.store import Store
from sitegen.text import _
from sitegen.theory.operable import Operable, Panel, at, choice, number, slider, switch, text, value

__all__ = ["depth_or_disparity", "pixels_of", "scale_shift", "trimming"]

_SIDE = 340
_ROWS = alt.NamedData("rows")


def pixels_of(lesson: Lesson) -> LessonPixels:
    """Return the pixels of a lesson; its id says that it has them."""
    return cast(LessonPixels, lesson.content)


def _pairs(content: LessonPixels) -> pd.DataFrame:
    """Return prediction ``p`` and truth ``g`` in metres."""
    return pd.DataFrame({"p": content.prediction, "g": content.truth})


def _scored(depth: str) -> alt.Chart:
    """Return the rows with their aligned depth ``z`` and the errors of it."""
    return (
        alt.Chart(_ROWS)
        .transform_calculate(z=depth)
        .transform_calculate(
            rel="abs(datum.z - datum.g) / datum.g",
            square="pow(datum.z - datum.g, 2)",
            hit="datum.z > 0 && max(datum.z / datum.g, datum.g / datum.z) < 1.25 ? 1 : 0",
        )
    )


def _numbers(scored: alt.Chart) -> list[alt.Chart]:
    """Return AbsRel, delta1 and RMSE as lines of text in the upper left corner."""
    means = scored.transform_aggregate(rel="mean(rel)", hit="mean(hit)", square="mean(square)")
    lines = (
        text(_("AbsRel {value}"), value=number("datum.rel")),
        text(_("δ₁ {value}"), value=number("datum.hit")),
        text(_("RMSE {value} m"), value=number("sqrt(datum.square)")),
    )
    return [
        at(means, (10, 14 + 20 * row), line, stroke=COLOURS["paper"], strokeWidth=3) for row, line in enumerate(lines)
    ]


def _depths(scored: alt.Chart, most: Any, y_title: str) -> list[alt.Chart]:
    """Return aligned depth over true depth as dots, with the line on which they would be equal."""
    scale = alt.Scale(domainMin=0, domainMax=most, nice=False)
    x = alt.X("g:Q", title=_("true depth, m"), scale=scale)
    y = alt.Y("z:Q", title=y_title, scale=scale, axis=alt.Axis(**TITLE_ABOVE))
    equal = alt.Chart(alt.NamedData("ends")).mark_line(stroke=COLOURS["strong-rule"], strokeDash=[4, 3], clip=True)
    dots = scored.mark_point(size=16, stroke=COLOURS["accent"], fill=COLOURS["accent"], opacity=0.55, clip=True)
    return [equal.encode(x=x, y=alt.Y("g:Q")), dots.encode(x=x, y=y)]


# ---------------------------------------------------------------------------------------------------------------------
# Scale and shift


def scale_shift(_store: Store, lesson: Lesson) -> Operable:
    """Return sliders for scale and shift, with the errors that follow and the least squares solution."""
    content = pixels_of(lesson)
    best = content.fits[0]
    reach = (math.ceil(2 * abs(best.scale)), math.ceil(2 * abs(best.shift)))
    most = math.ceil(1.2 * max(content.truth))
    inputs = [
        slider("scale", _("Scale"), (0, reach[0]), 0.01, 1),
        slider("shift", _("Shift, m"), (-reach[1], reach[1]), 0.05, 0),
        switch("best", _("Take the least-squares solution")),
        value("s", expr=f"best ? {best.scale} : scale"),
        value("t", expr=f"best ? {best.shift} : shift"),
    ]
    scored = _scored("s * datum.p + t")
    left = alt.layer(*_depths(scored, most, _("prediction after scale and shift, m")), *_numbers(scored))
    chart = alt.hconcat(
        left.properties(width=_SIDE, height=_SIDE), _plane(best, reach).properties(width=200, height=200), spacing=40
    ).add_params(*inputs)
    datasets = {
        "rows": _pairs(content),
        "ends": pd.DataFrame({"g": [0, most]}),
        "one": pd.DataFrame({"x": [0]}),
        "best": pd.DataFrame({"x": [best.scale], "y": [best.shift]}),
    }
    return Operable(
        chart,
        datasets,
        title=_("Two numbers bring a prediction close to the truth"),
        alt=_(
            "Left: prediction over true depth at {count} pixels of one image, as the model put them out, with the line "
            "on which both are equal. Right: the plane of scale and shift, where a disc is what is set, scale 1 and "
            "shift 0, and a cross the least-squares solution, scale {scale} and shift {shift} m."
        ).format(count=len(content.truth), scale=f"{best.scale:.2f}", shift=f"{best.shift:.2f}"),
        note=_(
            "Move scale and shift, and watch the errors. The cross marks the least-squares solution, which has the "
            "smallest RMSE of all pairs (AbsRel {error}); tick the box to be there exactly."
        ).format(error=f"{best.abs_rel:.3f}"),
        lessons=(lesson,),
        remark=_("The image was chosen as one on which this model keeps the order of depths and misses their size."),
    )


def _plane(best: LessonFit, reach: tuple[int, int]) -> Panel:
    """Return the plane of scale and shift with what is set and what is best."""
    x = alt.X("x:Q", title=_("scale"), scale=alt.Scale(domain=[0, reach[0]], nice=False))
    y = alt.Y("y:Q", title=_("shift, m"), scale=alt.Scale(domain=[-reach[1], reach[1]], nice=False))
    y = y.axis(**TITLE_ABOVE)
    cross = alt.Chart(alt.NamedData("best")).mark_point(
        shape="cross", size=140, angle=45, stroke=COLOURS["warn"], fill=COLOURS["warn"]
    )
    disc = (
        alt.Chart(alt.NamedData("one"))
        .transform_calculate(x="s", y="t")
        .mark_point(size=70, stroke=COLOURS["accent"], fill=COLOURS["accent"])
    )
    side = "right" if best.scale > reach[0] / 2 else "left"
    name = cross.mark_text(align=side, dx=-12 if side == "right" else 12, dy=16)
    return alt.layer(
        cross.encode(x=x, y=y), disc.encode(x=x, y=y), name.encode(x=x, y=y, text=alt.value(_("least squares")))
    )


# ---------------------------------------------------------------------------------------------------------------------
# The space of the fit


def depth_or_disparity(store: Store, *lessons: Lesson) -> Operable:
    """Return a choice of the space of the least squares fit, on images of two data sets."""
    rows = pd.concat([_pairs(pixels_of(lesson)).assign(set=lesson.dataset) for lesson in lessons])
    most = {lesson.dataset: math.ceil(1.2 * max(pixels_of(lesson).truth)) for lesson in lessons}
    fits = {lesson.dataset: {fit.space: _as_object(fit) for fit in pixels_of(lesson).fits} for lesson in lessons}
    inputs = [
        choice("image", _("Image"), {each.dataset: store.datasets[each.dataset].name for each in lessons}),
        choice("space", _("Fit in"), {"depth": _("depth"), "disparity": _("disparity")}),
        value("fits", fits),
        value("most", most),
        value("fit", expr="fits[image][space]"),
    ]
    scored = _scored(
        "space == 'depth' ? fit.scale * datum.p + fit.shift : 1 / max(fit.scale / datum.p + fit.shift, fit.floor)"
    ).transform_filter("datum.set == image")
    dots = _depths(scored, alt.ExprRef("most[image]"), _("prediction after the fit, m"))
    dots[0] = dots[0].transform_filter("datum.set == image")
    chart = alt.layer(*dots, *_numbers(scored)).properties(width=_SIDE + 120, height=_SIDE)
    ends = pd.DataFrame([{"set": name, "g": end} for name, far in most.items() for end in (0, far)])
    return Operable(
        chart.add_params(*inputs),
        {"rows": rows, "ends": ends},
        title=_("The same pixels, fitted in depth and in disparity, have different errors"),
        alt=_("Prediction over true depth after a least-squares fit. {results}").format(
            results=" ".join(_fits_in_words(store, lesson) for lesson in lessons)
        ),
        note=_(
            "Switch the space of the fit and the image. Least squares in disparity cares about near pixels, in depth "
            "about far ones. The floor of disparity is the protocol's."
        ),
        lessons=lessons,
    )


def _as_object(fit: LessonFit) -> dict[str, float]:
    return {"scale": fit.scale, "shift": fit.shift, "floor": fit.floor or 0}


def _fits_in_words(store: Store, lesson: Lesson) -> str:
    depth, disparity = pixels_of(lesson).fits
    return _("{dataset}: AbsRel {depth} when fitted in depth, {disparity} when fitted in disparity.").format(
        dataset=store.datasets[lesson.dataset].name,
        depth=f"{depth.abs_rel:.3f}",
        disparity=f"{disparity.abs_rel:.3f}",
    )


# ---------------------------------------------------------------------------------------------------------------------
# Trimming

_SHUFFLE = 271
"""Pixels go wrong in the order of their number times this, modulo how many there are: spread over the image."""


def trimming(_store: Store, lesson: Lesson) -> Operable:
    """Return the loss of MiDaS with a share of its residuals cut, and labels that are wrong on request."""
    content = pixels_of(lesson)
    count = len(content.truth)
    rows = _pairs(content).assign(i=range(count))
    inputs = [
        slider("cut", _("Residuals cut, %"), (0, 50), 5, 0),
        slider("wrong", _("Labels made wrong, %"), (0, 20), 1, 5),
    ]
    scored = _residuals(count, 1 / min(content.truth))
    kept = scored.transform_filter("datum.kept")
    x = alt.X("label:Q", title=_("label: normalised true disparity"), scale=alt.Scale(nice=True))
    y = alt.Y("guess:Q", title=_("normalised predicted disparity"), axis=alt.Axis(**TITLE_ABOVE))
    colour = _by_kept(COLOURS["accent"], COLOURS["warn"])
    dots = scored.mark_point(size=22, opacity=0.7).encode(
        x=x, y=y, shape=_by_kept("circle", "cross"), angle=_by_kept(0, 45), fill=colour, stroke=colour
    )
    line = kept.transform_regression("label", "guess").mark_line(stroke=COLOURS["ink"], strokeWidth=2, clip=True)
    layers = [dots, line.encode(x=x, y=y), *_loss(scored, kept)]
    return Operable(
        alt.layer(*layers).properties(width=_SIDE + 160, height=_SIDE).add_params(*inputs),
        {"rows": rows},
        title=_("The largest fifth of the residuals makes most of the loss"),
        alt=_(
            "Predicted over labelled disparity at {count} pixels of one image, both normalised by median and mean "
            "deviation. Nothing is cut; 5 percent of the labels were made wrong, say the nearest depth and lie far "
            "from the rest; a least-squares line is pulled towards them."
        ).format(count=count),
        note=_(
            "Cut a share of the largest residuals, 20 % as MiDaS does, and watch the loss and the line, a "
            "least-squares line through the pixels that count. Crosses do not count. Set the wrong labels to 0 to see "
            "the outliers that are there anyway."
        ),
        lessons=(lesson,),
        remark=_("Labels are made wrong here, in the figure: they then say the nearest depth of the image."),
    )


def _by_kept(kept: Any, cut: Any) -> Any:
    """Return what a mark looks like, by whether its pixel counts."""
    return alt.condition("datum.kept", alt.value(kept), alt.value(cut))


def _residuals(count: int, nearest: float) -> alt.Chart:
    """Return normalised disparities of ``label`` and ``guess``, their ``residual``, and whether it is ``kept``."""
    return (
        alt.Chart(_ROWS)
        .transform_calculate(
            d="1 / datum.p",
            e=f"(datum.i * {_SHUFFLE}) % {count} < round(wrong / 100 * {count}) ? {nearest} : 1 / datum.g",
        )
        .transform_joinaggregate(middle_d="median(d)", middle_e="median(e)")
        .transform_calculate(off_d="abs(datum.d - datum.middle_d)", off_e="abs(datum.e - datum.middle_e)")
        .transform_joinaggregate(scale_d="mean(off_d)", scale_e="mean(off_e)")
        .transform_calculate(
            guess="(datum.d - datum.middle_d) / datum.scale_d", label="(datum.e - datum.middle_e) / datum.scale_e"
        )
        .transform_calculate(residual="abs(datum.guess - datum.label)")
        .transform_window(rank="row_number()", sort=[alt.SortField("residual")])
        .transform_calculate(kept=f"datum.rank <= round((1 - cut / 100) * {count})")
    )


def _loss(scored: alt.Chart, kept: alt.Chart) -> list[alt.Chart]:
    """Return the loss and the line's slope as text in the upper left corner."""
    halves = scored.transform_calculate(counted="datum.kept ? datum.residual : 0").transform_aggregate(
        loss="mean(counted)", whole="mean(residual)"
    )
    slope = kept.transform_regression("label", "guess", params=True)
    look: dict[str, Any] = {"stroke": COLOURS["paper"], "strokeWidth": 3}
    said = text(_("loss {loss} (nothing cut: {whole})"), loss=number("datum.loss / 2"), whole=number("datum.whole / 2"))
    return [
        at(halves, (10, 14), said, **look),
        at(slope, (10, 34), text(_("slope of the line {slope}"), slope=number("datum.coef[1]")), **look),
    ]
