"""Releases Huawei Cloud DDS minor-version upgrades inside maintenance windows only."""

__version__ = "0.1.0"
