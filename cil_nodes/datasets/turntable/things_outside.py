"""Things from the street and the garden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .catalogue import Maker, thing
from .model import Part
from .paint import bands, gradient, plain, spots, stripes, wood
from .shapes import (
    box,
    cylinder,
    ellipsoid,
    extrude,
    f32,
    join,
    lathe,
    rounded_box,
    smooth_profile,
    tube,
)


@thing("house")
def _house(m: Maker) -> Sequence[Part]:
    gable = extrude([(-0.6, 0), (0.6, 0), (0.6, 0.7), (0, 1.2), (-0.6, 0.7)], 1.0)
    slab = box(0.92, 1.2, 0.07)
    slope = np.degrees(np.arctan2(0.5, 0.6))
    roof = [slab.turn("y", s * slope).move(s * 0.32, 0, 0.94) for s in (-1, 1)]
    panes = [box(0.26, 0.03, 0.28).move(x, y, 0.3) for x in (-0.33, 0.33) for y in (-0.5, 0.5)]
    panes += [box(0.03, 0.3, 0.28).move(x, y, 0.3) for x in (-0.6, 0.6) for y in (-0.25, 0.25)]
    door = box(0.26, 0.04, 0.48).move(0, -0.5)
    return [
        Part(gable.turn("x", 90).move(y=0.5), plain(m.shade("#f1e2b6", 0.04)), 0.05),
        Part(join(roof), stripes("y", 0.15, m.shade("#b3402a"), "#8c2f1e", 0.4), 0.1),
        Part(join(panes), plain("#3e6e9c"), 0.9),
        Part(door, plain(m.shade("#2e6b3a")), 0.2),
        Part(
            box(0.2, 0.2, 0.5).move(0.3, 0.2, 0.9),
            stripes("z", 0.08, "#a65a40", "#c9b8a8", 0.2),
            0.05,
        ),
    ]


@thing("fir tree")
def _fir_tree(m: Maker) -> Sequence[Part]:
    tiers = [
        lathe([(r * 0.2, z + 0.06), (r, z), (0.03, z + 0.55)], 22)
        for r, z in ((0.66, 0.25), (0.54, 0.55), (0.42, 0.85), (0.28, 1.12))
    ]
    baubles = []
    for k in range(22):
        tier = k % 4
        r, z = ((0.62, 0.28), (0.5, 0.58), (0.38, 0.88), (0.25, 1.14))[tier]
        baubles.append(ellipsoid(0.06, sections=14).move(r, 0, z).turn("z", 137.5 * k))
    needles = gradient("z", 0.2, 1.6, "#0e3d1c", m.shade("#2c7a37"))
    star = ellipsoid(0.1, 0.04, 0.12).move(z=1.72)
    return [
        Part(join(tiers), needles, 0.05),
        Part(cylinder(0.12, 0.35), plain("#5a3a1e"), 0.05),
        Part(join(baubles[::2]), plain(m.shade("#e0242c")), 0.9, 60),
        Part(join([*baubles[1::2], star, star.turn("z", 90)]), plain(m.shade("#f0c02c")), 0.9, 60),
    ]


@thing("cactus")
def _cactus(m: Maker) -> Sequence[Part]:
    def column(height: float, radius: float) -> np.ndarray:
        return np.vstack(
            [
                [(0, 0), (radius, 0.02)],
                smooth_profile(
                    [
                        (radius, height - radius),
                        (radius * 0.75, height - 0.3 * radius),
                        (0.001, height),
                    ],
                    9,
                ),
            ]
        )

    def ribbed(height: float, radius: float):  # type: ignore[no-untyped-def]
        shape = lathe(column(height, radius), 48)
        turn = np.arctan2(shape.vertices[:, 1], shape.vertices[:, 0])
        ridge = 1 + 0.07 * np.cos(12 * turn)
        return type(shape)(
            shape.vertices * np.stack([ridge, ridge, 0 * ridge + 1], 1).astype("f4"),
            shape.faces,
            shape.rest,
        )

    elbows = [
        tube(smooth_profile([(0, 0, 0), (s * 0.3, 0, 0.02), (s * 0.42, 0, 0.22)], 9), 0.12).move(
            0, 0, z
        )
        for s, z in ((1, 0.85), (-1, 0.7))
    ]
    arms = [ribbed(0.5, 0.125).move(s * 0.42, 0, z) for s, z in ((1, 1.03), (-1, 0.88))]
    pot = lathe([(0, 0), (0.34, 0), (0.42, 0.3), (0.47, 0.3), (0.47, 0.42), (0.4, 0.42), (0, 0.38)])
    blooms = [ellipsoid(0.1, 0.1, 0.07).move(x, 0, z) for x, z in ((0, 1.66), (0.42, 1.54))]
    green = m.shade("#3f8f3c")
    return [
        Part(join([ribbed(1.3, 0.22).move(z=0.36), *arms, *elbows]), plain(green), 0.15),
        Part(pot, plain(m.shade("#c4622d")), 0.1),
        Part(join(blooms), plain(m.shade("#f05a9a")), 0.2),
    ]


@thing("traffic cone", size=0.95)
def _traffic_cone(m: Maker) -> Sequence[Part]:
    orange = m.shade("#f4641a", 0.05)
    cone = lathe([(0.44, 0.08), (0.08, 1.25), (0.05, 1.25), (0.05, 1.1)], 40)
    return [
        Part(
            cone,
            bands("z", [0.36, 0.6, 0.78, 1.0], [orange, "#fbfbfb", orange, "#fbfbfb", orange]),
            0.3,
        ),
        Part(rounded_box(1.05, 1.05, 0.1, 0.04), plain(orange), 0.2),
    ]


@thing("gift box", size=0.85)
def _gift_box(m: Maker) -> Sequence[Part]:
    paper = spots(0.22, 0.26, m.shade("#7a2fb0"), "#ffffff")
    ribbon = plain(m.shade("#f0c61e"))
    straps = [box(1.02, 0.16, 0.84), box(0.16, 1.02, 0.84)]
    lid = [box(1.1, 1.1, 0.2).move(z=0.66)]
    loops = []
    for k in range(4):
        path = smooth_profile(
            [(0, 0, 0.86), (0.26, -0.06, 1.1), (0.42, 0, 1.04), (0.26, 0.06, 0.92), (0, 0, 0.88)],
            18,
        )
        loops.append(tube(path, 0.055, 8).turn("z", 45 + 90 * k))
    bands_on_lid = [box(1.12, 0.16, 0.22).move(z=0.65), box(0.16, 1.12, 0.22).move(z=0.65)]
    return [
        Part(join([box(1, 1, 0.8), *lid]), paper, 0.2),
        Part(join([*straps, *bands_on_lid, *loops, ellipsoid(0.1).move(z=0.92)]), ribbon, 0.5, 30),
    ]


@thing("sailing boat")
def _sailing_boat(m: Maker) -> Sequence[Part]:
    deck = smooth_profile([(-0.75, 0.26), (0, 0.34), (0.6, 0.18), (0.85, 0)], 14)
    rim = np.vstack([deck, (deck * [1, -1])[-2::-1]])
    shape = extrude(rim, 0.34)
    taper = np.where(shape.vertices[:, 2:] < 0.01, f32([[0.8, 0.45, 1]]), f32([[1, 1, 1]]))
    hull = type(shape)(shape.vertices * taper, shape.faces, shape.rest)
    main = extrude([(-0.68, 0.5), (0.02, 0.5), (0.02, 1.75)], 0.015)
    jib = extrude([(0.1, 0.48), (0.78, 0.44), (0.1, 1.5)], 0.015)
    return [
        Part(hull, bands("z", [0.1, 0.3], [m.shade("#15337f"), "#f4f4f4", "#8a5426"]), 0.5),
        Part(
            join(
                [
                    tube([(0.05, 0, 0.3), (0.05, 0, 1.85)], 0.03),
                    tube([(0.05, 0, 0.48), (-0.7, 0, 0.48)], 0.025),
                ]
            ),
            wood(0.3, "#a06a34", "#7a4a20"),
            0.2,
        ),
        Part(main.turn("x", 90), stripes("y", 0.25, "#fbfaf4", m.shade("#d4262c"), 0.5), 0.05),
        Part(jib.turn("x", 90), plain("#fbfaf4"), 0.05),
        Part(
            extrude([(0, 0), (0.26, 0.07), (0, 0.14)], 0.01).turn("x", 90).move(0.05, 0, 1.72),
            plain("#f2b61e"),
            0.05,
        ),
    ]


@thing("snowman")
def _snowman(m: Maker) -> Sequence[Part]:
    balls = [ellipsoid(r).move(z=z) for r, z in ((0.5, 0.44), (0.37, 1.08), (0.26, 1.56))]
    coal = [ellipsoid(0.045).move(s * 0.1, -0.23, 1.63) for s in (-1, 1)]
    coal += [ellipsoid(0.05).move(0, -y, z) for y, z in ((0.36, 1.2), (0.38, 1.04), (0.49, 0.6))]
    hat = lathe([(0, 1.76), (0.36, 1.76), (0.36, 1.8), (0.22, 1.8), (0.23, 2.12), (0, 2.12)])
    carrot = cylinder(0.06, 0.32, top=0.005).turn("x", 90).move(0, -0.22, 1.55)
    scarf = join(
        [
            tube(
                0.29
                * np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 33)[:-1]), np.sin(t), 0 * t], 1),
                0.075,
                closed=True,
            ).move(z=1.36),
            rounded_box(0.15, 0.07, 0.46, 0.03).turn("x", 12).move(0.16, -0.4, 0.88),
        ]
    )
    arms = [
        tube([(s * 0.3, 0, 1.12), (s * 0.6, -0.05, 1.32), (s * 0.78, -0.05, 1.28)], 0.028)
        for s in (-1, 1)
    ]
    return [
        Part(join(balls), plain("#f3f7fb"), 0.1),
        Part(join(coal), plain("#111111"), 0.4),
        Part(hat, bands("z", [1.81, 1.9], ["#16161a", m.shade("#b51e28"), "#16161a"]), 0.2),
        Part(carrot, plain(m.shade("#f07a1a")), 0.2),
        Part(scarf, plain(m.shade("#2aa04a")), 0.1),
        Part(join(arms), plain("#5b3a1e"), 0.05),
    ]


@thing("windmill")
def _windmill(m: Maker) -> Sequence[Part]:
    tower = lathe([(0, 0), (0.46, 0), (0.28, 1.1), (0, 1.1)], 8)
    cap = lathe(
        np.vstack([smooth_profile([(0.34, 1.08), (0.3, 1.25), (0.12, 1.38), (0.001, 1.42)], 10)]),
        24,
    )
    blade = join([box(0.05, 0.03, 0.95), box(0.2, 0.015, 0.7).move(0.1, 0, 0.22)])
    sails = [blade.turn("y", 90 * k + 25).move(0, -0.42, 1.2) for k in range(4)]
    axle = cylinder(0.05, 0.3).turn("x", 90).move(0, -0.16, 1.2)
    return [
        Part(tower, plain(m.shade("#f4efe2", 0.02)), 0.05),
        Part(cap, plain(m.shade("#2f4a7c")), 0.3),
        Part(join(sails), stripes("z", 0.14, "#f8f4e6", m.shade("#b5392c"), 0.3), 0.1),
        Part(join([axle, box(0.24, 0.04, 0.42).move(0, -0.44)]), plain("#5b3518"), 0.1),
    ]


@thing("mailbox", size=0.95)
def _mailbox(m: Maker) -> Sequence[Part]:
    arch = np.radians(np.linspace(0, 180, 17))
    front = np.vstack(
        [0.3 * np.stack([np.cos(arch), np.sin(arch)], 1), [(-0.3, -0.3), (0.3, -0.3)]]
    )
    body = extrude(front, 0.95).turn("x", 90).move(0, 0.47, 1.05)
    door = extrude(front * 0.9, 0.02).turn("x", 90).move(0, -0.48, 1.05)
    flag = [box(0.03, 0.06, 0.4).move(0.33, 0.1, 1.05), box(0.03, 0.26, 0.14).move(0.33, 0.0, 1.35)]
    return [
        Part(body, plain(m.shade("#2f63b8")), 0.6, 30),
        Part(door, plain("#d4d8de"), 0.7),
        Part(join([*flag, ellipsoid(0.05).move(0, -0.5, 1.2)]), plain(m.shade("#e02828")), 0.4),
        Part(
            join([box(0.16, 0.16, 0.78), box(0.5, 0.5, 0.07)]), wood(0.4, "#a8793f", "#7c5524"), 0.1
        ),
    ]
