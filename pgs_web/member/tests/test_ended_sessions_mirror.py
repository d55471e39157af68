import threading

import pytest

from pgs_data.redis.connections import cache
from pgs_web.member import ended_sessions
from pgs_web.member.ended_sessions import EndedSessionsMirror
from pgs_web.member.services import block_member, unblock_member
from pgs_web.member.services.sessions import end_session
from pgs_web.member.tokens import issue_access_token, read_access_token

pytestmark = pytest.mark.django_db(databases="__all__")


class TestMirror:
    @pytest.fixture
    def mirror(self):
        mirror = EndedSessionsMirror()
        mirror.refresh_seconds = 0
        return mirror

    def test_it_learns_what_ends(self, member, mirror):
        first, second = (read_access_token(issue_access_token(member_id=member.id)) for _ in range(2))
        assert not mirror.is_session_ended(first)
        end_session(sid=first.sid, member_id=member.id)
        assert mirror.is_session_ended(first)
        assert not mirror.is_session_ended(second)
        block_member(member_id=member.id)
        assert mirror.is_session_ended(second)

    def test_it_forgets_the_unblocked_when_it_reads_anew(self, member, mirror):
        claims = read_access_token(issue_access_token(member_id=member.id))
        block_member(member_id=member.id)
        assert mirror.is_session_ended(claims)
        unblock_member(member_id=member.id)
        mirror.reread_seconds = 0
        assert not mirror.is_session_ended(claims)

    def test_it_finds_what_the_cache_lost(self, member):
        claims = read_access_token(issue_access_token(member_id=member.id))
        end_session(sid=claims.sid, member_id=member.id)
        cache().flushdb()
        assert EndedSessionsMirror().is_session_ended(claims)

    def test_it_reads_more_than_a_page(self, member, mirror, monkeypatch):
        monkeypatch.setattr(ended_sessions, "CHUNK", 3)
        claims = [read_access_token(issue_access_token(member_id=member.id)) for _ in range(10)]
        for each in claims:
            end_session(sid=each.sid, member_id=member.id)
        assert all(mirror.is_session_ended(each) for each in claims)
        cache().flushdb()
        assert all(EndedSessionsMirror().is_session_ended(each) for each in claims)

    def test_it_asks_once_a_second_whatever_the_crowd(self, member):
        mirror = EndedSessionsMirror()
        claims = read_access_token(issue_access_token(member_id=member.id))
        mirror.is_session_ended(claims)
        before = cache().info("commandstats").get("cmdstat_zrangebyscore", {"calls": 0})["calls"]
        threads = [
            threading.Thread(target=lambda: [mirror.is_session_ended(claims) for _ in range(200)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = cache().info("commandstats").get("cmdstat_zrangebyscore", {"calls": 0})["calls"]
        assert after - before <= 3

    @pytest.mark.slow
    def test_a_stopped_redis_changes_nothing_in_what_is_known(self, member, mirror, redis_server):
        first, second = (read_access_token(issue_access_token(member_id=member.id)) for _ in range(2))
        end_session(sid=first.sid, member_id=member.id)
        assert mirror.is_session_ended(first)
        redis_server.pause()
        assert mirror.is_session_ended(first)
        assert not mirror.is_session_ended(second)
