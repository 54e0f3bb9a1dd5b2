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
}
COMMITS = {
    "marigold": "b1dffaa",
    "zoedepth": "d87f17b",
    "bts": "5e3406b",
    "midas": "4545977",
    "unidepth": "8d8cfe4",
    "depth-anything-v2-metric": "a561b84",
    "metric3d": "eb5b6fa",
    "moge": "0744441",
    "monodepth2-eigen": "b676244",
    "monodepth2-eigen-benchmark": "b676244",
}
IMAGES = {
    **{("kitti", name): 652 for name in REFERENCES["kitti"] | {"house"}},
    **{("nyu-depth-v2", name): 654 for name in REFERENCES["nyu-depth-v2"] | {"house"}},
    ("kitti", "midas"): 161,
    ("kitti", "monodepth2-eigen"): 697,
}
HOUSES = {
    *("nyu-depth-v2", "kitti", "eth3d", "sintel", "diode", "diode-indoor", "diode-outdoor", "ibims-1", "sun-rgbd"),
    *("ddad", "tum-rgbd", "scannet", "virtual-kitti-2", "hypersim", "diw", "da-2k"),
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


def test_every_reference_system_has_its_protocols(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Each system has a protocol on NYU and KITTI where it defines one, citing the commit that was read."""
    for dataset, names in REFERENCES.items():
        for name in names:
            reference = protocols[dataset, name].reference
            assert reference.commit == COMMITS[name], (dataset, name)
            assert reference.repository
            assert reference.place
            assert not protocols[dataset, name].house


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
        assert protocols[key].sample_list.sha256 is None, key


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


def test_metrics_of_another_definition_have_their_own_id(protocols: dict[tuple[str, str], Protocol]) -> None:
    """SILog and RMSElog are listed as what each system computes, and a note says what that is."""
    own = {
        "unidepth": "silog_unbiased",
        "metric3d": "silog_log10",
        "depth-anything-v2-metric": "silog_half_root",
    }
    for (_, name), record in protocols.items():
        if name in own:
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
    """The scoring engine understands every word of all house protocols of depth sets and of every reference."""
    pytest.importorskip("torch", reason="the scoring engine needs torch")
    from runners.score import unsupported

    keys = {(dataset, name) for dataset, names in REFERENCES.items() for name in names}
    keys |= {(dataset, "house") for dataset in HOUSES - {"diw", "da-2k"}}
    assert {key: faults for key in sorted(keys) if (faults := unsupported(protocols[key]))} == {}


def test_no_rule_that_acts_on_numbers_stands_in_words(protocols: dict[tuple[str, str], Protocol]) -> None:
    """Floors and clamps are numbers or named rules; words beside them would be read by nobody."""
    for key, record in protocols.items():
        assert record.clamp is None or not record.clamp.note, key
        assert not any(rule.floor for rule in record.alignment.values()), key
