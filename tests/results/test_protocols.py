"""The protocols under ``results/`` are valid, complete, told apart, and agree with the windows that were measured."""

from pathlib import Path

import pytest
import yaml

from sitegen.records import CropWindow, Protocol

REFERENCES = {
    "nyu-depth-v2": {"marigold", "zoedepth", "bts", "midas", "unidepth", "metric3d", "moge"},
    "kitti": {
        *("marigold", "zoedepth", "bts", "midas", "depth-anything-v2-metric", "unidepth", "metric3d", "moge"),
        *("monodepth2-eigen", "monodepth2-eigen-benchmark"),
    },
    "eth3d": {"marigold", "midas", "unidepth", "metric3d", "moge"},
    "diode": {"marigold", "moge"},
    "diode-indoor": {"zoedepth", "unidepth"},
    "diode-outdoor": {"zoedepth"},
    "scannet": {"marigold"},
    "ibims-1": {"official", "zoedepth", "unidepth", "metric3d", "moge", "depth-pro"},
    "sun-rgbd": {"zoedepth", "unidepth"},
    "hypersim": {"marigold", "zoedepth", "unidepth", "depth-anything-v2-metric"},
    "virtual-kitti-2": {"marigold", "zoedepth"},
    "ddad": {"zoedepth", "unidepth", "metric3d", "moge"},
    "diml-outdoor": {"zoedepth"},
    "sintel": {"midas", "moge", "depth-pro"},
    "tum-rgbd": {"midas"},
    "diw": {"midas", "official"},
    "da-2k": {"depth-anything-v2"},
    "gso": {"moge"},
    "mdec-2025-test": {"mdec"},
}
PRESETS = [(dataset, name) for dataset, names in REFERENCES.items() for name in sorted(names)]
COMMITS = {
    "marigold": "b1dffaa",
    "zoedepth": "d87f17b",
    "bts": "5e3406b",
    "midas": "4545977",
    "unidepth": "8d8cfe4",
    "depth-anything-v2-metric": "a561b84",
    "depth-anything-v2": "a561b84",
    "metric3d": "eb5b6fa",
    "moge": "0744441",
    "monodepth2-eigen": "b676244",
    "monodepth2-eigen-benchmark": "b676244",
    "depth-pro": "9efe5c1",
    "mdec": "692c4eb",
}
PINNED = {
    *(("kitti", name) for name in ("house", "bts", "zoedepth", "marigold")),
    *(("kitti", name) for name in ("monodepth2-eigen", "monodepth2-eigen-benchmark")),
}
"""Protocols of KITTI whose list is Eigen's as it comes with the package; others have lists of their own, not seen."""
AUTHORS = {"ibims-1": None, "diw": "e26f3d3"}
"""Evaluations of a data set's own authors; iBims-1's scripts came with the data set, without a commit."""
IMAGES = {
    **{("kitti", name): 652 for name in REFERENCES["kitti"] | {"house"}},
    **{("nyu-depth-v2", name): 654 for name in REFERENCES["nyu-depth-v2"] | {"house"}},
    ("kitti", "midas"): 161,
    ("kitti", "monodepth2-eigen"): 697,
    **{("eth3d", name): 454 for name in ("marigold", "midas", "unidepth", "moge")},
    **{("diode", name): 771 for name in ("marigold", "moge")},
    **{("diode-indoor", name): 325 for name in ("zoedepth", "unidepth")},
    ("diode-outdoor", "zoedepth"): 446,
    ("scannet", "marigold"): 800,
    **{("ibims-1", name): 100 for name in ("official", "zoedepth", "unidepth", "moge")},
    ("sun-rgbd", "zoedepth"): 5050,
    ("hypersim", "marigold"): 7370,
    ("hypersim", "zoedepth"): 7690,
    ("hypersim", "unidepth"): 712,
    ("hypersim", "depth-anything-v2-metric"): 7386,
    ("virtual-kitti-2", "marigold"): 5364,
    ("ddad", "moge"): 1000,
    ("diml-outdoor", "zoedepth"): 500,
    **{("sintel", name): 1064 for name in ("midas", "moge")},
    ("tum-rgbd", "midas"): 1815,
    ("diw", "midas"): 74441,
    ("diw", "official"): 74441,
    ("gso", "moge"): 1030,
    ("mdec-2025-test", "mdec"): 775,
}
# Lists that nobody outside has seen, or whose length was not read.
UNCOUNTED = {
    *(("eth3d", "metric3d"), ("ibims-1", "metric3d"), ("ddad", "metric3d"), ("ddad", "zoedepth"), ("ddad", "unidepth")),
    *(("virtual-kitti-2", "zoedepth"), ("sun-rgbd", "unidepth"), ("sintel", "depth-pro"), ("ibims-1", "depth-pro")),
    ("da-2k", "depth-anything-v2"),
}
# Smallest and largest true depth in metres, and whether either end counts.
RANGES = {
    ("eth3d", "marigold"): (1e-5, None, False, False),
    ("eth3d", "midas"): (0, 72, False, False),
    ("eth3d", "unidepth"): (0, 50, False, True),
    ("eth3d", "metric3d"): (1e-8, 100, False, True),
    ("diode", "marigold"): (None, None, False, False),
    ("diode-indoor", "zoedepth"): (1e-3, 10, False, False),
    ("diode-indoor", "unidepth"): (0, 25, False, True),
    ("diode-outdoor", "zoedepth"): (1e-3, 80, False, False),
    ("scannet", "marigold"): (1e-3, 10, False, False),
    ("ibims-1", "official"): (0, None, False, False),
    ("ibims-1", "zoedepth"): (0, 10, False, False),
    ("ibims-1", "unidepth"): (0, 25, False, True),
    ("ibims-1", "metric3d"): (1e-8, None, False, False),
    ("ibims-1", "depth-pro"): (None, None, False, False),
    ("sun-rgbd", "zoedepth"): (0, 8, False, False),
    ("sun-rgbd", "unidepth"): (0, 8, False, True),
    ("hypersim", "marigold"): (1e-5, 65, False, False),
    ("hypersim", "zoedepth"): (1e-3, 80, False, False),
    ("hypersim", "unidepth"): (0, 50, False, True),
    ("hypersim", "depth-anything-v2-metric"): (1e-3, 20, True, True),
    ("virtual-kitti-2", "marigold"): (1e-5, 80, False, False),
    ("virtual-kitti-2", "zoedepth"): (1e-3, 80, False, False),
    ("ddad", "zoedepth"): (1e-3, 80, False, False),
    ("ddad", "unidepth"): (0, 120, False, True),
    ("ddad", "metric3d"): (1e-8, None, False, False),
    ("diml-outdoor", "zoedepth"): (2, 80, False, False),
    ("sintel", "midas"): (0, 72, False, False),
    ("sintel", "depth-pro"): (None, None, False, False),
    ("tum-rgbd", "midas"): (0, 10, False, False),
    ("diw", "midas"): (None, None, False, False),
    ("diw", "official"): (None, None, False, False),
    ("da-2k", "depth-anything-v2"): (None, None, False, False),
    ("mdec-2025-test", "mdec"): (1e-3, 100, False, False),
    **{(dataset, "moge"): (0, None, False, False) for dataset in REFERENCES if "moge" in REFERENCES[dataset]},
}
# Window, its frame and what the model sees; every other preset beside KITTI and NYU takes the whole image.
CROPS = {
    **{(dataset, "zoedepth"): ("eigen-nyu", "full-image", "full-image") for dataset in ("ibims-1", "sun-rgbd")},
    **{(dataset, "zoedepth"): ("eigen-nyu", "full-image", "full-image") for dataset in ("diode-indoor", "hypersim")},
    **{(dataset, "zoedepth"): ("garg-kitti", "full-image", "full-image") for dataset in ("diode-outdoor", "ddad")},
    ("diml-outdoor", "zoedepth"): ("garg-kitti", "full-image", "full-image"),
    ("virtual-kitti-2", "zoedepth"): ("garg-kitti", "kb-crop-352x1216", "kb-crop-352x1216"),
    ("virtual-kitti-2", "marigold"): ("eigen-kitti", "kb-crop-352x1216", "kb-crop-352x1216"),
}
CLAMPS = {
    ("eth3d", "marigold"): (1e-5, None, None),
    ("diode", "marigold"): (0.6, 350, None),
    ("scannet", "marigold"): (1e-3, 10, None),
    ("hypersim", "marigold"): (1e-5, 65, None),
    ("virtual-kitti-2", "marigold"): (1e-5, 80, None),
    ("ibims-1", "zoedepth"): (0, 10, 0),
    ("sun-rgbd", "zoedepth"): (0, 8, 0),
    ("diode-indoor", "zoedepth"): (1e-3, 10, 1e-3),
    ("diode-outdoor", "zoedepth"): (1e-3, 80, 1e-3),
    ("hypersim", "zoedepth"): (1e-3, 80, 1e-3),
    ("virtual-kitti-2", "zoedepth"): (1e-3, 80, 1e-3),
    ("ddad", "zoedepth"): (1e-3, 80, 1e-3),
    ("diml-outdoor", "zoedepth"): (2, 80, 2),
    ("mdec-2025-test", "mdec"): (1e-3, 100, None),
}
BUNDLES = {
    "nyu-depth-v2": "480x640",
    "kitti": "375x750",
    "eth3d": "1365x2048",
    "sintel": "436x872",
    "ddad": "700x1400",
    "diode": "768x1024",
    "ibims-1": "480x640",
    "gso": "512x512",
}
# Metrics over point pairs, planes, edges and point clouds need annotations or whole maps, and the engine scores depth
# alone until it takes them; their records are complete and refused by name.
HOUSES = {
    *("nyu-depth-v2", "kitti", "eth3d", "sintel", "diode", "diode-indoor", "diode-outdoor", "ibims-1", "sun-rgbd"),
    *("ddad", "tum-rgbd", "scannet", "virtual-kitti-2", "hypersim", "diw", "da-2k"),
    *("middlebury", "booster", "nuscenes"),
}
# Frame (rows, columns), Garg rows and columns, Eigen rows and columns, as the reference code cuts them.
WINDOWS = [
    ((375, 1242), (153, 371), (44, 1197), (124, 342), (44, 1197)),
    ((370, 1226), (151, 366), (44, 1181), (122, 337), (44, 1181)),
    ((370, 1224), (151, 366), (43, 1180), (122, 337), (43, 1180)),
    ((376, 1241), (153, 372), (44, 1196), (124, 343), (44, 1196)),
    ((374, 1238), (152, 370), (44, 1193), (124, 341), (44, 1193)),
    ((352, 1216), (143, 349), (43, 1172), (117, 321), (43, 1172)),
]


@pytest.fixture(scope="module")
def protocols(repo: Path) -> dict[tuple[str, str], Protocol]:
    """All protocols by data set and id, validated, each where its ids say."""
    records = {}
    for path in sorted((repo / "results/protocols").glob("*/*.yaml")):
        record = Protocol.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        assert (record.dataset, record.id) == (path.parent.name, path.stem), path
        records[record.dataset, record.id] = record
    return records


def windows(protocols: dict[tuple[str, str], Protocol], name: str) -> list[CropWindow]:
    """Return every window of that name in the protocols."""
    return [record.crop for record in protocols.values() if record.crop.name == name]


def pixels(bounds: list[float] | None, extent: int) -> tuple[int, int]:
    """Cut fractions off to whole pixels, as every reference does."""
    assert bounds is not None
    return int(bounds[0] * extent), int(bounds[1] * extent)


def floors_of(record: Protocol) -> tuple[float | None, str | None]:
    """Return at what a protocol floors aligned disparity."""
    rule = record.alignment["affine-invariant-disparity"]
    return rule.floor_m, rule.floor_rule


def test_every_reference_system_has_its_protocols(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Each system has a protocol where its rules are known, and there is none that this file does not know."""
    houses = {key for key, record in protocols.items() if record.house}
    assert set(protocols) - houses == set(PRESETS)


@pytest.mark.parametrize(("dataset", "name"), PRESETS)
def test_presets_cite_the_commit_that_was_read(
    protocols: dict[tuple[str, str], Protocol], dataset: str, name: str
) -> None:
    """Every preset of a system cites one commit of one repository, says where to look, and warns of its traps."""
    record = protocols[dataset, name]
    commit = AUTHORS[dataset] if name == "official" else COMMITS[name]
    assert record.reference.commit == commit
    assert bool(record.reference.repository) == (commit is not None)
    assert record.reference.place
    assert record.reference.paper
    assert not record.house
    assert len(record.notes) >= 3


def test_house_protocols(protocols: dict[tuple[str, str], Protocol]) -> None:
    """The chosen data sets have a house protocol, and none but it is called ``house``."""
    houses = {record.dataset for record in protocols.values() if record.house}
    assert houses >= HOUSES
    assert all(record.house == (record.id == "house") for record in protocols.values() if record.dataset in HOUSES)


def test_digests_tell_protocols_apart(protocols: dict[tuple[str, str], Protocol]) -> None:
    """No two protocols measure the same thing."""
    digests = [record.digest() for record in protocols.values()]
    assert len(digests) == len(set(digests))


def test_image_counts(protocols: dict[tuple[str, str], Protocol]) -> None:
    """The lists are as long as the reference lists; a digest stands only where the list has been seen."""
    for key, count in IMAGES.items():
        assert protocols[key].sample_list.count == count, key
        assert bool(protocols[key].sample_list.sha256) == (key in PINNED), key


def test_unknown_counts_are_said(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Where the number of images is not known the field is empty and a note says so; everywhere else it is given."""
    presets = {key: record for key, record in protocols.items() if not record.house}
    assert {key for key, record in presets.items() if record.sample_list.count is None} == UNCOUNTED
    assert set(presets) - UNCOUNTED <= set(IMAGES)
    for key in UNCOUNTED:
        text = " ".join(presets[key].notes)
        assert any(words in text for words in ("known", "not documented", "cannot be had", "were not read")), key


@pytest.mark.parametrize(("frame", "garg_rows", "garg_columns", "eigen_rows", "eigen_columns"), WINDOWS)
def test_fractions_give_the_pixels_of_the_reference_code(
    protocols: dict[tuple[str, str], Protocol],
    frame: tuple[int, int],
    garg_rows: tuple[int, int],
    garg_columns: tuple[int, int],
    eigen_rows: tuple[int, int],
    eigen_columns: tuple[int, int],
) -> None:
    """The stored fractions of both KITTI windows, cut off to pixels, are the measured windows in six frames."""
    found = {"garg-kitti": (garg_rows, garg_columns), "eigen-kitti": (eigen_rows, eigen_columns)}
    for name, expected in found.items():
        crops = windows(protocols, name)
        assert crops
        for crop in crops:
            assert crop.unit == "fraction"
            assert (pixels(crop.rows, frame[0]), pixels(crop.columns, frame[1])) == expected


def test_nyu_window(protocols: dict[tuple[str, str], Protocol]) -> None:
    """The NYU window is one and the same everywhere: 426x560 pixels."""
    crops = windows(protocols, "eigen-nyu")
    assert crops
    assert {(*crop.rows, *crop.columns, crop.unit) for crop in crops if crop.rows and crop.columns} == {
        (45, 471, 41, 601, "pixels")
    }


def test_frames_of_the_kitti_windows(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Who takes the window in the benchmark crop and who in the full image, and what the model sees."""
    kitti = {name: record for (dataset, name), record in protocols.items() if dataset == "kitti"}
    cropped = {name for name, record in kitti.items() if record.crop.frame == "kb-crop-352x1216"}
    assert cropped == {"marigold", "zoedepth", "unidepth"}
    assert {name for name, record in kitti.items() if record.input_crop != "full-image"} == cropped | {"bts"}


def test_strictness_of_the_ranges(protocols: dict[tuple[str, str], Protocol]) -> None:
    """The three ways to write the range of KITTI: strict, open below and closed above, closed on both sides."""
    closed = {
        name: (protocols["kitti", name].valid_range.min_inclusive, protocols["kitti", name].valid_range.max_inclusive)
        for name in ("zoedepth", "unidepth", "depth-anything-v2-metric")
    }
    assert closed == {
        "zoedepth": (False, False),
        "unidepth": (False, True),
        "depth-anything-v2-metric": (True, True),
    }


@pytest.mark.parametrize(("dataset", "name"), [key for key in PRESETS if key[0] not in ("kitti", "nyu-depth-v2")])
def test_range_window_and_clamp_of_each_preset(
    protocols: dict[tuple[str, str], Protocol], dataset: str, name: str
) -> None:
    """Which depths count with which strictness, which window in which frame, and what the prediction is clamped to."""
    record = protocols[dataset, name]
    valid, clamp = record.valid_range, record.clamp
    assert (valid.min_m, valid.max_m, valid.min_inclusive, valid.max_inclusive) == RANGES[dataset, name]
    assert (record.crop.name, record.crop.frame, record.input_crop) == CROPS.get(
        (dataset, name), ("none", "full-image", "full-image")
    )
    assert (clamp and (clamp.min_m, clamp.max_m, clamp.nan_m)) == CLAMPS.get((dataset, name))


def test_strictness_is_one_of_a_system(protocols: dict[tuple[str, str], Protocol]) -> None:
    """UniDepth counts the far end, Depth Anything V2 both, and nobody else either (Metric3D where it cuts)."""
    for (dataset, name), record in protocols.items():
        ends = record.valid_range.min_inclusive, record.valid_range.max_inclusive
        expected = {"unidepth": (False, True), "depth-anything-v2-metric": (True, True)}.get(name, (False, False))
        assert ends == ((False, True) if (dataset, name) == ("eth3d", "metric3d") else expected), (dataset, name)


def test_fits_and_floors_of_the_presets(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Marigold floors disparity at 1 km, MiDaS at its cap, MoGe per image; only Marigold on ETH3D narrows the fit."""
    floors = {"kitti": 80, "nyu-depth-v2": 10, "eth3d": 72, "sintel": 72, "tum-rgbd": 10}
    for (dataset, name), record in protocols.items():
        if name == "marigold":
            assert floors_of(record) == (1000, None), dataset
        if name == "midas" and dataset != "diw":
            assert floors_of(record) == (floors[dataset], None), dataset
            assert record.alignment["affine-invariant-disparity"].estimator == "least squares else zero"
        if name == "moge":
            assert floors_of(record) == (None, "largest-depth"), dataset
        narrowed = {rule.fit_max_res for rule in record.alignment.values()}
        assert narrowed == ({1024} if (dataset, name) == ("eth3d", "marigold") else {None}), (dataset, name)


def test_kinds_that_the_presets_score(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Metric systems fit nothing; a bundle without a unit scores no metric depth; pairs are ordinal."""
    assert all(set(protocols[key].alignment) == {"metric-depth"} for key in PRESETS if key[1] == "zoedepth")
    assert {key[0] for key in PRESETS if key[1] == "moge" and "metric-depth" not in protocols[key].alignment} == {
        *("sintel", "gso")
    }
    for key in (("diw", "midas"), ("diw", "official"), ("da-2k", "depth-anything-v2")):
        assert set(protocols[key].alignment) == {"ordinal"}
    for dataset in ("sintel", "ibims-1"):
        rules = protocols[dataset, "depth-pro"].alignment
        assert {kind: rule.solver for kind, rule in rules.items()} == {
            "metric-depth": "none",
            "scale-invariant-depth": "none",
        }


def test_how_predictions_are_enlarged(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Aligned corners: ZoeDepth, Depth Anything, DIW's authors. Antialiasing: Marigold, UniDepth. Disparity: three."""
    for (dataset, name), record in protocols.items():
        steps = [step for step in record.resize if step.what == "prediction"]
        assert {step.mode for step in steps} <= {"bilinear"}, (dataset, name)
        corners = name == "zoedepth" or name.startswith("depth-anything-v2") or (dataset, name) == ("diw", "official")
        assert {step.align_corners for step in steps} <= {corners}, (dataset, name)
        assert {step.antialias for step in steps} <= {name in ("marigold", "unidepth")}, (dataset, name)
        inverse = name in ("depth-pro", "mdec") or name.startswith("monodepth2")
        assert {step.quantity for step in steps} <= {"disparity" if inverse else "network-output"}, (dataset, name)
        assert record.flip_average == (name == "zoedepth"), (dataset, name)


def test_sizes_of_images_and_bundles(protocols: dict[tuple[str, str], Protocol]) -> None:
    """MoGe's bundles have the size that image and truth are brought to; ZoeDepth squeezes some images first."""
    for dataset, size in BUNDLES.items():
        record = protocols[dataset, "moge"]
        assert [(step.what, step.to) for step in record.resize] == [
            ("image", size),
            ("ground-truth", size),
            ("prediction", "ground-truth"),
        ]
        assert size in record.title or dataset == "nyu-depth-v2"
        assert "1000 times the 1 percent quantile" in record.mask_rule
    images = {
        key[0]: [step.to for step in protocols[key].resize if step.what == "image"]
        for key in PRESETS
        if key[1] == "zoedepth"
    }
    assert {dataset: sizes for dataset, sizes in images.items() if sizes} == {
        "nyu-depth-v2": ["384x512"],
        "kitti": ["384x768"],
        "diode-indoor": ["480x640"],
        "diode-outdoor": ["480x640"],
        "hypersim": ["480x640"],
        "ddad": ["352x1216"],
    }


def test_masks(protocols: dict[tuple[str, str], Protocol]) -> None:
    """No mask is taken by Depth Pro's boundary score and by ZoeDepth on DIODE, which drops the mask file."""
    maskless = {key for key, record in protocols.items() if record.mask == "none"}
    assert maskless == {
        *(("sintel", "depth-pro"), ("ibims-1", "depth-pro")),
        *(("diode-indoor", "zoedepth"), ("diode-outdoor", "zoedepth")),
    }
    assert protocols["diode", "marigold"].mask_rule == "The mask file of the image is 1."


def test_metrics_beyond_depth_errors(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Pairs, planes, edges, clouds and boundaries are measured where the reference measures them."""
    assert protocols["diw", "midas"].metrics == ["whdr"]
    assert protocols["da-2k", "depth-anything-v2"].metrics == ["pair_acc"]
    for dataset in ("diw", "da-2k"):
        assert "pair_tie_share" in protocols[dataset, "house"].metrics
    assert protocols["sintel", "midas"].primary_metric == protocols["eth3d", "midas"].primary_metric == "abs_rel"
    assert protocols["tum-rgbd", "midas"].metrics == ["one_minus_delta1_pct"]
    sharp = {key[0] for key in PRESETS if "boundary_f1_r1" in protocols[key].metrics}
    assert sharp == {"sintel", "ibims-1"}
    assert {key[0] for key in PRESETS if "si_boundary_f1" in protocols[key].metrics} == {"sintel", "ibims-1"}
    assert {"dbe_acc", "dbe_com", "pe_fla", "pe_ori", "dde_0", "dde_m", "dde_p"} < set(
        protocols["ibims-1", "official"].metrics
    )
    assert {"sq_rel_g2_pct", "chamfer", "f_score", "iou", "edge_acc", "edge_comp"} < set(
        protocols["mdec-2025-test", "mdec"].metrics
    )
    assert not {"sq_rel", "rmse_log", "imae"} & set(protocols["mdec-2025-test", "mdec"].metrics)


def test_metrics_of_another_definition_have_their_own_id(protocols: dict[tuple[str, str], Protocol]) -> None:
    """SILog and RMSElog are listed as what each system computes, and a note says what that is."""
    own = {
        "unidepth": "silog_unbiased",
        "metric3d": "silog_log10",
        "depth-anything-v2-metric": "silog_half_root",
    }
    for (_, name), record in protocols.items():
        if name in own:
            assert "rmse_log10" in record.metrics if name == "metric3d" else "rmse_log10" not in record.metrics
            assert "silog" not in record.metrics
            assert own[name] in record.metrics
            assert any("SILog" in note for note in record.notes)
    assert "rmse_log" not in protocols["kitti", "metric3d"].metrics
    assert "rmse_log10" in protocols["kitti", "metric3d"].metrics


def test_house_protocols_floor_disparity_at_their_cap(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Every house protocol of a depth set aligns all four kinds, strictly within its range, without upper clamp."""
    for dataset in HOUSES - {"diw", "da-2k"}:
        record = protocols[dataset, "house"]
        assert record.alignment["affine-invariant-disparity"].floor_m == record.valid_range.max_m, dataset
        assert len(record.alignment) == 4
        assert not record.valid_range.min_inclusive
        assert not record.valid_range.max_inclusive
        assert record.clamp is not None
        assert record.clamp.max_m is None


def test_protocols_can_be_run(protocols: dict[tuple[str, str], Protocol]) -> None:
    """The scoring engine understands every word of every protocol."""
    pytest.importorskip("torch", reason="the scoring engine needs torch")
    from runners.score import unsupported

    assert {key: faults for key, record in protocols.items() if (faults := unsupported(record))} == {}


def test_no_rule_that_acts_on_numbers_stands_in_words(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Floors and clamps are numbers or named rules; words beside them would be read by nobody."""
    for key, record in protocols.items():
        assert record.clamp is None or not record.clamp.note, key
        assert not any(rule.floor for rule in record.alignment.values()), key
