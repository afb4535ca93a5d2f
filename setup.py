"""Which packages there are; pyproject.toml says everything else."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["imagintalk*"]), "imagintalk_server", "imagintalk_addon"],
    package_dir={"imagintalk_server": "server", "imagintalk_addon": "addon"},
)
