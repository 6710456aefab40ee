"""Tools and things from a desk or a workshop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .catalogue import Maker, thing
from .model import Part
from .paint import bands, mottled, plain, sectors, stripes, wood
from .shapes import (
    box,
    cylinder,
    ellipsoid,
    extrude,
    join,
    lathe,
    rounded_box,
    smooth_profile,
    torus,
    tube,
)

STEEL = "#b4bac2"


@thing("hammer", size=1.12)
def _hammer(m: Maker) -> Sequence[Part]:
    shaft = cylinder(0.085, m.about(1.5), top=0.07).scale(1, 1.35, 1).turn("y", 90)
    grip = cylinder(0.11, 0.6, sections=16).scale(1, 1.3, 1).turn("y", 90).move(x=0.92)
    face = lathe(
        [(0, 0), (0.16, 0), (0.17, 0.03), (0.17, 0.12), (0.11, 0.2), (0.12, 0.36), (0, 0.36)]
    )
    claw = extrude(
        [(0, 0.1), (0.2, 0.13), (0.5, -0.1), (0.46, -0.16), (0.2, -0.06), (0, -0.12)], 0.24
    )
    head = join(
        [
            face.turn("x", -90).move(y=-0.42),
            box(0.24, 0.26, 0.26).move(z=-0.13),
            claw.turn("z", 90).turn("y", 90).move(-0.12, 0.1, 0),
        ]
    )
    return [
        Part(shaft, wood(0.4, m.shade("#d9a860"), "#b07a36", axis="x"), 0.2),
        Part(grip, stripes("z", 0.1, m.shade("#c8201f"), "#7c1010", 0.3), 0.3),
        Part(head, plain("#5b626b"), 0.9, 40),
    ]


@thing("screwdriver", size=1.12)
def _screwdriver(m: Maker) -> Sequence[Part]:
    side = smooth_profile([(0.1, 0), (0.19, 0.08), (0.2, 0.45), (0.13, 0.62), (0.17, 0.7)], 20)
    grip = lathe(np.vstack([[(0, 0)], side, [(0.1, 0.74), (0, 0.74)]]), 24).turn("y", 90)
    rod = cylinder(0.05, m.about(0.75)).turn("y", 90).move(x=0.72)
    tip = box(0.22, 0.13, 0.035).move(1.5, 0, -0.017)
    yellow = m.shade("#f2b705")
    return [
        Part(grip, sectors(12, [yellow, "#151515"]), 0.5, 50),
        Part(join([rod, tip]), plain(STEEL), 1.0, 50),
    ]


@thing("key", size=1.12)
def _key(m: Maker) -> Sequence[Part]:
    bow = [torus(0.2, 0.065).move(x, y) for x, y in ((0, 0.2), (0.17, -0.1), (-0.17, -0.1))]
    shaft = tube([(0, -0.3, 0), (0, -1.5, 0)], 0.075)
    teeth = [box(0.3, 0.08, 0.06).move(0.2, y, -0.03) for y in (-1.46, -1.3, -1.14)]
    teeth.append(box(0.06, 0.4, 0.06).move(0.32, -1.3, -0.03))
    collar = [torus(0.085, 0.045).turn("x", 90).move(y=y) for y in (-0.36, -0.5)]
    brass = plain(m.shade("#c8992e"))
    return [Part(join([*bow, shaft, *teeth, *collar]), brass, 1.0, 40)]


@thing("scissors", size=1.12)
def _scissors(m: Maker) -> Sequence[Part]:
    blade = [(-0.07, 0), (0.09, 0), (0.06, 0.6), (0.0, 0.98), (-0.07, 0.6)]
    opening = m.about(17, 0.1)
    blades, grips = [], []
    for side in (-1, 1):
        half = extrude(blade, 0.035).scale(side).move(z=0.03 + 0.04 * (side > 0))
        ring = torus(0.2, 0.055).scale(0.85, 1.25, 1.1).move(0.17 * side, -0.55, 0.06)
        arm = tube([(0, 0.02, 0.06), (0.03 * side, -0.2, 0.06), (0.1 * side, -0.36, 0.06)], 0.06)
        blades.append(half.turn("z", side * opening))
        grips += [ring.turn("z", side * opening), arm.turn("z", side * opening)]
    return [
        Part(join([*blades, cylinder(0.05, 0.13)]), plain(STEEL), 1.0, 60),
        Part(join(grips), plain(m.shade("#e0561b")), 0.4, 40),
    ]


@thing("book", size=0.95)
def _book(m: Maker) -> Sequence[Part]:
    thick = m.about(0.3)
    cover, gilt = m.shade("#7a1f33"), m.shade("#d9b24a")
    boards = [box(1.0, 1.4, 0.035).move(z=z) for z in (0, thick)]
    spine = box(0.04, 1.4, thick + 0.035).move(x=-0.5)
    title = [box(0.62, 0.09, 0.006).move(0.02, y, thick + 0.035) for y in (0.42, 0.27)]
    frame = [box(0.84, 0.03, 0.006).move(0.02, y, thick + 0.035) for y in (-0.6, 0.6)]
    frame += [box(0.03, 1.2, 0.006).move(x, 0, thick + 0.035) for x in (-0.4, 0.44)]
    seal = cylinder(0.2, 0.006, sections=8).move(0.02, -0.15, thick + 0.035)
    ribbon = box(0.06, 0.3, 0.01).move(0.2, -0.8, thick * 0.6)
    return [
        Part(join([*boards, spine]), plain(cover), 0.2, 20),
        Part(
            box(0.96, 1.34, thick - 0.03).move(z=0.033),
            stripes("z", 0.035, "#f4eedd", "#cfc6ae"),
            0.0,
        ),
        Part(join([*title, *frame, seal]), plain(gilt), 0.8, 40),
        Part(ribbon, plain("#2345a0"), 0.1),
    ]


@thing("pencil", size=1.12)
def _pencil(m: Maker) -> Sequence[Part]:
    barrel = cylinder(0.13, 1.35, sections=6)
    paint = plain(m.shade("#1b8a4a"))
    point = lathe([(0.13, 1.35), (0.045, 1.66)], 6)
    parts = [
        Part(barrel, paint, 0.5, 40),
        Part(point, plain("#dcb27c"), 0.1),
        Part(cylinder(0.045, 0.12, top=0.004, sections=6).move(z=1.66), plain("#222222"), 0.3),
        Part(
            cylinder(0.14, 0.16, sections=24).move(z=-0.15),
            stripes("z", 0.05, STEEL, "#6d737b"),
            0.9,
        ),
        Part(ellipsoid(0.135, 0.135, 0.2).move(z=-0.17), plain(m.shade("#f08aa0")), 0.1),
    ]
    return [Part(p.shape.turn("y", 90), p.paint, p.gloss, p.shininess) for p in parts]


@thing("camera", size=0.9)
def _camera(m: Maker) -> Sequence[Part]:
    body = rounded_box(1.3, 0.5, 0.8, 0.08)
    wrap = box(1.31, 0.51, 0.44).move(z=0.16)
    rings = [(0.33, 0.0, 0.26), (0.29, 0.26, 0.16)]
    lens = join([cylinder(r, h).move(z=z) for r, z, h in rings]).turn("x", 90).move(0, -0.25, 0.38)
    glass = ellipsoid(0.23, 0.23, 0.07).turn("x", 90).move(0, -0.66, 0.38)
    shutter = cylinder(0.08, 0.09).move(-0.45, 0, 0.8)
    flash = box(0.26, 0.06, 0.16).move(0.42, -0.24, 0.61)
    return [
        Part(body, plain(m.shade("#c9ccd1", 0.03)), 0.7, 40),
        Part(wrap, plain(m.shade("#5e3a20")), 0.1),
        Part(lens, plain("#17181b"), 0.7, 40),
        Part(glass, plain("#20306a"), 1.0, 90),
        Part(join([shutter, box(0.4, 0.3, 0.16).move(z=0.8)]), plain("#26282c"), 0.6),
        Part(flash, plain("#fbfbf0"), 0.9),
        Part(torus(0.27, 0.02).turn("x", 90).move(0, -0.67, 0.38), plain("#c22020"), 0.4),
    ]


@thing("padlock", size=0.75)
def _padlock(m: Maker) -> Sequence[Part]:
    arc = np.radians(np.linspace(0, 180, 19))
    bow = np.stack([0.3 * np.cos(arc), 0 * arc, 0.95 + 0.32 * np.sin(arc)], axis=1)
    shackle = tube(np.vstack([[(0.3, 0, 0.6)], bow, [(-0.3, 0, 0.6)]]), 0.085)
    hole = join([cylinder(0.09, 0.02), box(0.08, 0.26, 0.02).move(y=-0.14)]).turn("x", 90)
    return [
        Part(rounded_box(0.95, 0.4, 0.75, 0.08), plain(m.shade("#cf9f2b")), 0.9, 40),
        Part(shackle, plain(STEEL), 1.0, 60),
        Part(hole.move(0, -0.19, 0.42), plain("#161310"), 0.1),
        Part(box(0.96, 0.41, 0.07).move(z=0.1), plain("#7a5a14"), 0.7),
    ]


@thing("light bulb", size=0.85)
def _light_bulb(m: Maker) -> Sequence[Part]:
    bulb = smooth_profile(
        [(0.2, 0.5), (0.25, 0.65), (0.48, 1.0), (0.45, 1.3), (0.25, 1.5), (0.001, 1.55)], 28
    )
    thread = np.array([(0.21 + 0.025 * np.cos(k * np.pi), 0.12 + 0.035 * k) for k in range(11)])
    return [
        Part(lathe(bulb, 44), plain(m.shade("#fff0a8", 0.03)), 1.0, 60),
        Part(lathe(np.vstack([[(0, 0.1)], thread])), plain("#a9adb3"), 0.9),
        Part(cylinder(0.12, 0.12, top=0.19), plain("#1a1a1a"), 0.4),
    ]


@thing("magnet", size=0.9)
def _magnet(m: Maker) -> Sequence[Part]:
    angle = np.radians(np.linspace(0, 180, 25))
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outer, inner = 0.62 * ring, (0.62 - m.about(0.27)) * ring
    legs = (
        np.array([(-0.62, -0.7), (inner[-1, 0], -0.7)]),
        np.array([(-inner[-1, 0], -0.7), (0.62, -0.7)]),
    )
    outline = np.vstack([outer, legs[0], inner[::-1], legs[1]])
    paint = bands("y", [-0.42], ["#d6d9dd", m.shade("#d01c22", 0.05)])
    return [Part(extrude(outline, 0.3).turn("x", 90), paint, 0.5, 40)]


@thing("globe")
def _globe(m: Maker) -> Sequence[Part]:
    ball = ellipsoid(0.55, sections=40)
    sea = mottled(0.42, m.shade("#2f8a3e"), m.shade("#1b62c4"), sharp=14)
    arc = torus(0.63, 0.035, start=-100, end=80).turn("x", 90)
    stand = lathe([(0, 0), (0.42, 0), (0.4, 0.06), (0.08, 0.12), (0.06, 0.24), (0, 0.24)])
    poles = tube([(0, 0, -0.66), (0, 0, 0.66)], 0.025)
    return [
        Part(ball.turn("y", 20).move(z=0.86), sea, 0.5, 40),
        Part(
            join([arc, poles.turn("y", 10)]).turn("y", 10).move(z=0.86),
            plain(m.shade("#c79a3a")),
            0.9,
        ),
        Part(stand, wood(0.4, "#6b3d1c", "#40220e"), 0.4),
    ]
