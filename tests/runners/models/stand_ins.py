"""Stand-ins for packages of peers that are not installed here: modules with the interface read in their source.

They prove our glue (what is loaded, what goes in, what becomes of what comes out) and nothing about the models.
"""

from __future__ import annotations

from pathlib import Path

MOGE = '''
"""A stand-in for MoGe's package: red as depth, nothing below 10."""
import torch

class MoGeModel(torch.nn.Module):
    loaded = None

    @classmethod
    def from_pretrained(cls, path):
        model = cls()
        model.loaded = torch.load(path, weights_only=False)  # as an unsafe package would
        return model

    def infer(self, image, apply_mask=True, use_fp16=True):
        assert image.shape[0] == 3 and 0 <= image.min() and image.max() <= 1
        depth = image[0] * 255 + (1000 if use_fp16 else 0)
        if apply_mask:
            depth = torch.where(image[0] * 255 >= 10, depth, torch.inf)
        return {"depth": depth, "intrinsics": torch.tensor([[0.75, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])}
'''

UNIDEPTH = '''
"""A stand-in for UniDepth's package: red as depth."""
import pathlib
import torch

class UniDepthV2(torch.nn.Module):
    @classmethod
    def from_pretrained(cls, folder):
        assert (pathlib.Path(folder) / "model.safetensors").is_file()
        return cls()

    def infer(self, rgb):
        assert rgb.dtype == torch.uint8 and rgb.shape[0] == 3
        depth = rgb[None, :1].float()
        return {"depth": depth, "intrinsics": torch.tensor([[[321.5, 0, 0], [0, 320, 0], [0, 0, 1]]])}
'''

DEPTH_ANYTHING_3 = '''
"""A stand-in for the package of Depth Anything 3: red as depth at half the size, and noise from torch's generator."""
import types
import torch

class DepthAnything3(torch.nn.Module):
    @classmethod
    def from_pretrained(cls, folder):
        return cls()

    def inference(self, images):
        assert len(images) == 1
        depth = torch.from_numpy(images[0][::2, ::2, 0].copy()).float() + torch.rand(1)
        return types.SimpleNamespace(depth=depth[None].numpy())
'''

_MODULES = {
    "moge": {"model/v1.py": MOGE, "model/v2.py": MOGE, "model/__init__.py": "", "__init__.py": ""},
    "unidepth": {"models.py": UNIDEPTH, "__init__.py": ""},
    "depth_anything_3": {"api.py": DEPTH_ANYTHING_3, "__init__.py": ""},
}


def write(folder: Path, package: str) -> Path:
    """Write a stand-in below a folder, which then belongs on ``sys.path``; return the folder."""
    for name, text in _MODULES[package].items():
        path = folder / package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
