"""psycopg 3 against DATABASE_URL: values, pipelines, prepared statements, COPY, notifications, transactions. Prints "ok"."""
import os

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

URL = os.environ["DATABASE_URL"]

with psycopg.connect(URL, row_factory=dict_row) as connection:
    row = connection.execute("select %s::int i, %s::text t, %s::jsonb j, %s::bytea b", (1, "ü", Jsonb({"a": 1}), b"\0\1")).fetchone()
    assert row == {"i": 1, "t": "ü", "j": {"a": 1}, "b": b"\0\1"}, row
    connection.execute("create table t (id int primary key, v text)")
    connection.commit()
    with connection.cursor() as cursor:
        cursor.executemany("insert into t values (%s, %s)", [(i, f"v{i}") for i in range(1000)])
    with connection.pipeline():
        cursors = [connection.execute("select v from t where id = %s", (i,), prepare=True) for i in range(50)]
    assert [cursor.fetchone()["v"] for cursor in cursors] == [f"v{i}" for i in range(50)]
    try:
        with connection.transaction():
            connection.execute("insert into t values (1, 'again')")
        raise AssertionError("no error")
    except psycopg.errors.UniqueViolation:
        pass
    with connection.cursor() as cursor:
        with cursor.copy("copy t from stdin") as copy:
            for i in range(1000, 3000):
                copy.write_row((i, f"v{i}"))
        with cursor.copy("copy (select * from t order by id) to stdout") as copy:
            copy.set_types(["int4", "text"])
            assert list(copy.rows()) == [(i, f"v{i}") for i in range(3000)]
    connection.commit()
    with connection.cursor(name="server_side") as cursor:
        cursor.execute("select id from t order by id")
        cursor.itersize = 100
        assert [row["id"] for row in cursor] == list(range(3000))

with psycopg.connect(URL, autocommit=True) as listener, psycopg.connect(URL, autocommit=True) as sender:
    listener.execute("listen channel3")
    sender.execute("notify channel3, 'hello'")
    notification = next(listener.notifies())
    assert (notification.channel, notification.payload) == ("channel3", "hello")

print("ok")
