"""psycopg 2 against DATABASE_URL: the simple protocol, COPY, named cursors, large objects, notifications. Prints "ok"."""
import io
import os
import select

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras

URL = os.environ["DATABASE_URL"]

connection = psycopg2.connect(URL)
with connection, connection.cursor() as cursor:
    cursor.execute("select %s, %s, %s::int[]", (1, "it's ü", [1, 2]))
    assert cursor.fetchone() == (1, "it's ü", [1, 2])
    cursor.execute("create table t2 (id int primary key, v text)")
    cursor.copy_expert("copy t2 from stdin", io.StringIO("".join(f"{i}\tv{i}\n" for i in range(2000))))
    psycopg2.extras.execute_values(cursor, "insert into t2 values %s", [(i, f"v{i}") for i in range(2000, 3000)])
with connection, connection.cursor("named") as cursor:
    cursor.itersize = 100
    cursor.execute("select id from t2 order by id")
    assert [row[0] for row in cursor] == list(range(3000))
try:
    with connection, connection.cursor() as cursor:
        cursor.execute("insert into t2 values (1, 'again')")
    raise AssertionError("no error")
except psycopg2.errors.UniqueViolation as error:
    assert error.pgcode == "23505"
with connection:
    # libpq's large-object calls use the function-call message, which hardly anything else does.
    large = connection.lobject(0, "wb")
    large.write(b"0123456789" * 10000)
    large.close()
    large = connection.lobject(large.oid, "rb")
    large.seek(99990)
    assert large.read() == b"0123456789"
    large.unlink()
output = io.StringIO()
with connection, connection.cursor() as cursor:
    cursor.copy_expert("copy (select * from t2 order by id limit 3) to stdout csv", output)
assert output.getvalue() == "0,v0\n1,v1\n2,v2\n"

connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
with connection.cursor() as cursor:
    cursor.execute("listen channel2")
    other = psycopg2.connect(URL)
    with other, other.cursor() as sender:
        sender.execute("notify channel2, 'hello'")
    other.close()
    while not connection.notifies:
        assert select.select([connection], [], [], 30)[0], "no notification within 30 s"
        connection.poll()
assert connection.notifies[0].payload == "hello"
connection.close()
print("ok")
