"""asyncpg against DATABASE_URL: binary values, statements, cursors, COPY, LISTEN, cancel by timeout, a pool. Prints "ok"."""
import asyncio
import datetime
import decimal
import os
import uuid

import asyncpg

URL = os.environ["DATABASE_URL"]


async def values(connection):
    row = await connection.fetchrow(
        "select $1::int i, $2::text t, $3::bytea b, $4::text[] a, $5::timestamptz d, $6::numeric n, $7::uuid u, $8::jsonb j, $9::int4range r",
        42, "Größe 🐘", b"\0\xff\1", ["a", None, "b,c"], datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
        decimal.Decimal("12345678901234567890.123456789"), uuid.UUID(int=7), '{"a": [1]}', asyncpg.Range(1, 10))
    assert tuple(row) == (
        42, "Größe 🐘", b"\0\xff\1", ["a", None, "b,c"], datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
        decimal.Decimal("12345678901234567890.123456789"), uuid.UUID(int=7), '{"a": [1]}', asyncpg.Range(1, 10)), row
    assert connection.get_server_version().major == 18


async def statements(connection):
    statement = await connection.prepare("select $1::int + 1")
    assert [await statement.fetchval(i) for i in range(100)] == list(range(1, 101))
    await connection.execute("create table many (id int primary key, v text)")
    await connection.executemany("insert into many values ($1, $2)", [(i, f"v{i}") for i in range(5000)])
    assert await connection.fetchval("select count(*) from many") == 5000
    try:
        await connection.execute("insert into many values (1, 'again')")
        raise AssertionError("no error")
    except asyncpg.UniqueViolationError as error:
        assert error.constraint_name == "many_pkey"


async def transactions(connection):
    async with connection.transaction():
        await connection.execute("insert into many values (10000, 'x')")
        try:
            async with connection.transaction():
                await connection.execute("insert into many values (10001, 'x')")
                raise KeyError
        except KeyError:
            pass
        # A portal with a row limit: 100 rows each time.
        seen = [row["id"] async for row in connection.cursor("select id from many order by id", prefetch=100)]
        assert seen == [*range(5000), 10000]


async def copy(connection):
    await connection.execute("create table copied (id int, v text)")
    await connection.copy_records_to_table("copied", records=((i, f"value {i}") for i in range(20000)))
    received = bytearray()

    async def sink(data):
        received.extend(data)

    await connection.copy_from_query("select * from copied order by id", output=sink, format="csv")
    assert received.decode().splitlines() == [f"{i},value {i}" for i in range(20000)]


async def notifications(connection):
    received = asyncio.get_running_loop().create_future()
    await connection.add_listener("python_channel", lambda *arguments: received.set_result(arguments))
    other = await asyncpg.connect(URL)
    await other.execute("notify python_channel, 'payload'")
    await other.close()
    _, _, channel, payload = await asyncio.wait_for(received, 30)
    assert (channel, payload) == ("python_channel", "payload")


async def cancel(connection):
    try:
        await connection.execute("select pg_sleep(600)", timeout=0.2)
        raise AssertionError("no timeout")
    except asyncio.TimeoutError:
        pass
    assert await connection.fetchval("select 1") == 1


async def pool():
    async with asyncpg.create_pool(URL, min_size=6, max_size=6) as shared:
        await shared.execute("create table counter (n int)")
        await shared.execute("insert into counter values (0)")
        await asyncio.gather(*(shared.execute("update counter set n = n + 1") for _ in range(120)))
        assert await shared.fetchval("select n from counter") == 120


async def main():
    connection = await asyncpg.connect(URL)
    for part in (values, statements, transactions, copy, notifications, cancel):
        await part(connection)
    await connection.close()
    await pool()
    print("ok")


asyncio.run(asyncio.wait_for(main(), 100))
