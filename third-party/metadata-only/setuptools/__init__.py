"""Stands in for setuptools while scripts/fetch-sources.py downloads; see build_meta.py."""
