"""The ROS package: links to the folders at the top of the repository, installed as ROS expects."""

from glob import glob

from setuptools import find_packages, setup

NAME = "cil_nodes"
NODES = (
    "camera",
    "evaluator",
    "extractor",
    "labeler",
    "learner",
    "overlay",
    "pipeline",
    "recorder",
)

setup(
    name=NAME,
    version="0.1.0",
    description="Online class-incremental learning for robots.",
    license="Apache-2.0",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={"": ["*.css", "*.html", "*.js", "*.json", "*.yaml", "*.xml"]},
    # By glob, not as a folder: a link to a folder would be installed as a link that dangles.
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.py")),
        (f"share/{NAME}/config", glob("config/*.yaml") + glob("config/*.xml")),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},  # without it `colcon test` runs nothing and stays green
    zip_safe=True,
    entry_points={
        "console_scripts": [
            *(f"{node} = {NAME}.nodes.{node}:main" for node in NODES),
            f"cil = {NAME}.cli:main",
        ],
    },
)
