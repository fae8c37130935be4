"""Native code of several processes has one place each in a trace."""

from pykcov.native.images import Image
from pykcov.program.image_space import ImageSpace


def image(path: str, start: int, build_id: str = "1") -> Image:
    return Image(path, build_id, start, start + 0x1000, start, True, True)


def test_an_object_that_lies_elsewhere_in_another_process_has_the_place_of_the_first() -> None:
    space = ImageSpace()
    assert space.place([image("a.so", 0x10000), image("b.so", 0x20000)]) is None
    distance = space.place([image("a.so", 0x20000), image("b.so", 0x10000)])
    assert distance is not None
    assert [pc + distance(pc) for pc in (0x20010, 0x10010, 0x50000)] == [0x10010, 0x20010, 0x50000]
    assert len(space.images) == 2


def test_an_object_of_another_process_alone_lies_over_no_other() -> None:
    space = ImageSpace()
    space.place([image("a.so", 0x10000)])
    distance = space.place([image("c.so", 0x10800)])
    assert distance is not None
    moved = 0x10810 + distance(0x10810)
    assert not 0x10000 <= moved < 0x11000
    assert any(each.path == "c.so" and each.start <= moved < each.end for each in space.images)


def test_what_forked_children_share_stays_where_it_is() -> None:
    space = ImageSpace()
    space.place([image("a.so", 0x10000)])
    assert space.place([image("a.so", 0x10000), image("d.so", 0x30000)]) is None
