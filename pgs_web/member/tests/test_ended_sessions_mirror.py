import pytest

from pgs_data.redis.connections import RedisUnavailable, cache
from pgs_web.member import ended_sessions
from pgs_web.member.ended_sessions import EndedSessionsMirror
from pgs_web.member.services import block_member, unblock_member
from pgs_web.member.services.sessions import end_session
from pgs_web.member.tokens import issue_access_token, read_access_token

pytestmark = pytest.mark.django_db(databases="__all__")


def ask(mirror, claims):
    """What it knows after it has looked."""
    mirror.refresh()
    return mirror.has_ended(claims)


class TestMirror:
    @pytest.fixture
    def mirror(self):
        return EndedSessionsMirror()

    def test_it_learns_what_ends(self, member, mirror):
        first, second = (read_access_token(issue_access_token(member_id=member.id)) for _ in range(2))
        assert not ask(mirror, first)
        end_session(sid=first.sid, member_id=member.id)
        assert ask(mirror, first)
        assert not ask(mirror, second)
        block_member(member_id=member.id)
        assert ask(mirror, second)

    def test_it_forgets_the_unblocked_when_it_reads_anew(self, member, mirror):
        claims = read_access_token(issue_access_token(member_id=member.id))
        block_member(member_id=member.id)
        assert ask(mirror, claims)
        unblock_member(member_id=member.id)
        mirror.reread_seconds = 0
        assert not ask(mirror, claims)

    def test_it_finds_what_the_cache_lost(self, member):
        claims = read_access_token(issue_access_token(member_id=member.id))
        end_session(sid=claims.sid, member_id=member.id)
        cache().flushdb()
        assert ask(EndedSessionsMirror(), claims)

    def test_between_two_rereads_it_finds_what_the_cache_lost(self, member, mirror):
        claims = read_access_token(issue_access_token(member_id=member.id))
        assert not ask(mirror, claims)
        end_session(sid=claims.sid, member_id=member.id)
        cache().flushdb()
        assert ask(mirror, claims)

    def test_a_cache_that_starts_empty_while_it_is_read_makes_it_forget_nobody(self, member, mirror, monkeypatch):
        claims = read_access_token(issue_access_token(member_id=member.id))
        end_session(sid=claims.sid, member_id=member.id)
        assert ask(mirror, claims)
        calls = 0

        def restart_once():
            nonlocal calls
            calls += 1
            if calls == 2:
                cache().flushdb()
            return cache()

        mirror.reread_seconds = 0
        monkeypatch.setattr(ended_sessions, "CHUNK", 1)
        monkeypatch.setattr(ended_sessions, "cache", restart_once)
        assert ask(mirror, claims)
        assert calls > 2

    def test_it_reads_more_than_a_page(self, member, mirror, monkeypatch):
        monkeypatch.setattr(ended_sessions, "CHUNK", 3)
        claims = [read_access_token(issue_access_token(member_id=member.id)) for _ in range(10)]
        for each in claims:
            end_session(sid=each.sid, member_id=member.id)
        assert all(ask(mirror, each) for each in claims)
        cache().flushdb()
        assert all(ask(EndedSessionsMirror(), each) for each in claims)

    def test_it_knows_how_old_it_is(self, member, mirror, redis_server):
        assert mirror.age_seconds == float("inf")
        mirror.refresh()
        assert mirror.age_seconds < 5
        redis_server.kill()
        before = mirror.age_seconds
        with pytest.raises(RedisUnavailable):
            mirror.refresh()
        assert mirror.age_seconds > before

    @pytest.mark.slow
    def test_a_stopped_redis_changes_nothing_in_what_is_known(self, member, mirror, redis_server):
        first, second = (read_access_token(issue_access_token(member_id=member.id)) for _ in range(2))
        end_session(sid=first.sid, member_id=member.id)
        assert ask(mirror, first)
        redis_server.pause()
        with pytest.raises(RedisUnavailable):
            mirror.refresh()
        assert mirror.has_ended(first)
        assert not mirror.has_ended(second)
