"""Cursors over a table of Django's own; cursors that no page wrote are 400, never a question to the database."""

from base64 import b64encode

import pytest
from django.contrib.auth.models import User
from django.db.models import Count
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from pgs_web.api.pagination import PageCursor

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def users():
    return User.objects.bulk_create([User(username=f"user{n:02d}", last_name=str(n % 3)) for n in range(25)])


def cursor_of(text):
    return b64encode(text.encode()).decode()


def paginate(query, ordering="-id", queryset=None):
    paginator = PageCursor()
    paginator.ordering = ordering
    request = Request(APIRequestFactory().get("/", query))
    page = paginator.paginate_queryset(User.objects.all() if queryset is None else queryset, request)
    return page, paginator


def walk(ordering, size):
    """Every username, page by page."""
    query, names = {"page_size": size}, []
    for _ in range(50):
        page, paginator = paginate(query, ordering)
        names += [user.username for user in page]
        link = paginator.get_next_link()
        if link is None:
            return names
        query = dict(APIRequestFactory().get(link).GET.items())
    raise AssertionError("the pages don't end")


@pytest.mark.parametrize("ordering", ["-id", "id", "pk", "-username", ("last_name", "-id"), ("-date_joined", "id")])
@pytest.mark.parametrize("size", [1, 7, 24, 25, 100])
def test_pages_hold_everybody_once_in_order(ordering, size):
    wanted = [ordering] if isinstance(ordering, str) else ordering
    assert walk(ordering, size) == list(User.objects.order_by(*wanted).values_list("username", flat=True))


HOSTILE = [
    *("p=", "p=x", "p=1.5", "p=1\x00", "p=9223372036854775808", "p=-9223372036854775809", "p=" + "9" * 300),
    *("p=１", "o=-1", "o=1001", "o=x", "o=1.5", "o=99999999999999999999", "r=2", "r=x&p=1"),
]


@pytest.mark.parametrize("ordering", ["-id", "pk"])
@pytest.mark.parametrize("text", HOSTILE)
def test_positions_that_are_no_id(ordering, text):
    with pytest.raises(ValidationError):
        paginate({"cursor": cursor_of(text)}, ordering)


@pytest.mark.parametrize("position", ["x", "2020-13-45", "", "0000-00-00", "\x00", "9" * 100])
def test_positions_that_are_no_time(position):
    with pytest.raises(ValidationError):
        paginate({"cursor": cursor_of(f"p={position}")}, "-date_joined")


@pytest.mark.parametrize("position", ["x", "", "\x00"])
def test_positions_of_what_is_no_column(position):
    queryset = User.objects.annotate(friends=Count("groups"))
    with pytest.raises(ValidationError):
        paginate({"cursor": cursor_of(f"p={position}")}, "-friends", queryset)


@pytest.mark.parametrize("cursor", ["x", "====", "🎁", "A" * 513, "a b", "cD0x\n", b64encode(b"p=\xff").decode()])
def test_what_is_no_cursor(cursor):
    with pytest.raises(ValidationError):
        paginate({"cursor": cursor})


def test_an_error_without_a_cursor_stays_an_error():
    class Broken(type(User.objects.all())):
        def __iter__(self):
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        paginate({}, queryset=Broken(User))
