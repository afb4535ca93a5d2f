"""Which packages there are; pyproject.toml says everything else."""

from setuptools import find_packages, setup

ADDON = ["imagintalk_addon", "imagintalk_addon.operators", "imagintalk_addon.demo"]

setup(
    packages=[*find_packages(include=["imagintalk*"]), "imagintalk_server", *ADDON],
    package_dir={"imagintalk_server": "server", "imagintalk_addon": "addon"},
)
