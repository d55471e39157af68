from pgs_task.replay.bookmark import open_bookmark


def test_lines_finish_in_any_order(tmp_path):
    bookmark = open_bookmark(tmp_path / "b.json", run="r")
    for number in (3, 1, 5):
        bookmark.finish_line(number)
    assert bookmark.done_up_to == 1
    assert [number for number in range(1, 7) if bookmark.is_done(number)] == [1, 3, 5]
    bookmark.finish_line(2)
    assert (bookmark.done_up_to, bookmark.done_beyond) == (3, {5})


def test_a_saved_bookmark_is_taken_up_by_the_same_run_only(tmp_path):
    bookmark = open_bookmark(tmp_path / "b.json", run="r")
    bookmark.finish_line(1)
    bookmark.finish_line(4)
    bookmark.links["A"].append(("77", "c1"))
    bookmark.orders["c1 A"].append("99")
    bookmark.save()

    again = open_bookmark(tmp_path / "b.json", run="r")
    assert (again.done_up_to, again.done_beyond) == (1, {4})
    assert list(again.links["A"]) == [("77", "c1")]
    assert list(again.orders["c1 A"]) == ["99"]
    assert open_bookmark(tmp_path / "b.json", run="another").done_up_to == 0
