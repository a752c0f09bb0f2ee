"""A build backend that builds nothing.

`pip download` asks the backend of every source archive for its metadata. The real one is fetched for that,
unpinned, and runs the package's setup.py. This one, found first on PYTHONPATH, hands pip the metadata that the
archive has ready: nothing but pip itself runs, and nothing but what the lock names is downloaded.
"""

import email
import shutil
from pathlib import Path


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    """Copies PKG-INFO (core metadata) from the unpacked archive, pip's current directory; returns the folder's name."""
    metadata = Path("PKG-INFO")
    fields = email.message_from_string(metadata.read_text(encoding="utf-8"))
    name = fields["Name"].replace("-", "_")
    folder = f"{name}-{fields['Version']}.dist-info"
    target = Path(metadata_directory, folder)
    target.mkdir()
    shutil.copyfile(metadata, target / "METADATA")
    return folder
