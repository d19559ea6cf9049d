"""The servers the other tests stand on are real, and can be taken away and given back."""

import psycopg
import pytest
import redis

pytestmark = pytest.mark.servers


def dsn(url: str) -> str:
    """The same address for psycopg, which knows no SQLAlchemy driver names."""
    return url.replace("+psycopg", "")


def test_a_real_postgresql_sorts_chinese_by_code_point(postgres_url: str) -> None:
    """The test database is UTF-8 with the C collation, the same on every machine."""
    with psycopg.connect(dsn(postgres_url)) as connection:
        row = connection.execute("SELECT '一' < '丁', current_setting('server_encoding')").fetchone()

    assert row == (True, "UTF8")


def test_a_stopped_server_refuses_and_keeps_what_was_committed(postgres_server) -> None:
    """After stop and start the committed row is still there; between them nobody answers."""
    url = dsn(postgres_server.new_database())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    postgres_server.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2)
    postgres_server.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_each_test_finds_valkey_empty(valkey_url: str) -> None:
    """What one test writes is not there for the next."""
    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_valkey_was_emptied(valkey_url: str) -> None:
    """The same promise, seen from the other test."""
    with redis.Redis.from_url(valkey_url) as client:
        assert client.get("left") is None
