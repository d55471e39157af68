import io
import json
import time
from datetime import UTC, datetime

import pytest
from django.contrib.auth.hashers import is_password_usable
from django.core.management import CommandError, call_command

from pgs_web.member.models import Address, Member
from pgs_web.member.selectors import has_address
from pgs_web.member.services import mass_creation
from pgs_web.member.sms.sandbox import SandboxSmsProvider
from pgs_web.member.tokens import read_access_token

pytestmark = pytest.mark.django_db(databases="__all__")


def run(*arguments, **options):
    out, errors = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=errors, **options)
    return out.getvalue()


def create(count, *arguments):
    return [json.loads(line) for line in run("create_members", str(count), *arguments, "--json").splitlines()]


class TestCreateMembers:
    def test_each_can_order_at_once(self, api, django_assert_max_num_queries):
        lines = create(5)
        assert [line["username"] for line in lines] == [f"shopper-{n}" for n in range(1, 6)]
        for line in lines:
            assert set(line) == {"member_id", "username", "access", "address_id"}
            claims = read_access_token(line["access"])
            assert claims.member_id == int(line["member_id"])
            lifetime = claims.expires_at - datetime.now(UTC).timestamp()
            assert 86_300 < lifetime <= 86_400
            with django_assert_max_num_queries(0):
                assert has_address(member_id=int(line["member_id"]), address_id=int(line["address_id"]))
        headers = {"Authorization": f"Bearer {lines[0]['access']}"}
        assert api.get("/api/v1/members/me/", headers=headers).json()["username"] == "shopper-1"

    def test_a_second_run_goes_on_counting(self):
        create(3)
        create(2, "--prefix", "shopper_b")
        assert [line["username"] for line in create(2)] == ["shopper-4", "shopper-5"]
        assert Member.objects.count() == Address.objects.count() == 7

    def test_passwords_only_on_demand(self, api):
        create(1)
        assert not is_password_usable(Member.objects.get().password)
        create(1, "--prefix", "known", "--password", "a long password")
        body = {"username": "known-1", "password": "a long password"}
        assert api.post("/api/v1/auth/tokens/", body).status_code == 200

    def test_chunks(self, monkeypatch):
        monkeypatch.setattr(mass_creation, "CHUNK", 4)
        lines = create(10)
        assert len({line["member_id"] for line in lines}) == 10
        assert [line["username"] for line in lines] == [f"shopper-{n}" for n in range(1, 11)]

    def test_without_json_it_is_a_table(self):
        assert len(run("create_members", "2").splitlines()[0].split("\t")) == 4

    @pytest.mark.parametrize("arguments", [["0"], ["-1"], ["1000001"], ["1", "--prefix", "A b"], ["1", "--prefix", ""]])
    def test_bad_arguments_are_explained(self, arguments):
        with pytest.raises(CommandError):
            run("create_members", *arguments)
        assert not Member.objects.exists()

    def test_another_run_with_this_prefix(self, monkeypatch):
        create(1)
        monkeypatch.setattr(mass_creation, "find_next_number", lambda _prefix: 1)
        with pytest.raises(CommandError, match="prefix"):
            create(1)

    @pytest.mark.slow
    def test_10_000_take_seconds(self):
        began = time.monotonic()
        assert len(create(10_000)) == 10_000
        # 2 s alone; the limit leaves room for a busy machine and still tells a query a member from a query a chunk.
        assert time.monotonic() - began < 20

    @pytest.mark.slow
    def test_without_redis_members_are_made_all_the_same(self, redis_server):
        redis_server.pause()
        assert len(create(2)) == 2


class TestReadSms:
    def test_the_last_code(self):
        SandboxSmsProvider().send_sign_in_code(phone="13800138000", code="111111")
        SandboxSmsProvider().send_sign_in_code(phone="13800138000", code="222222")
        SandboxSmsProvider().send_sign_in_code(phone="13900139000", code="333333")
        assert run("read_sms", "13800138000") == "222222\n"
        assert json.loads(run("read_sms", "+8613800138000", "--json")) == {"phone": "13800138000", "code": "222222"}

    def test_none(self):
        for phone in ("13800138000", "１３８００１３８０００", "x"):
            with pytest.raises(CommandError):
                run("read_sms", phone)
