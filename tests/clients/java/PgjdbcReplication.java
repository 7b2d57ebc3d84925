// pgjdbc's replication API against PGHOST/PGPORT/PGDATABASE, as Debezium uses it: slot, stream, feedback, resume, pgoutput. Prints "ok".
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGConnection;
import org.postgresql.PGProperty;
import org.postgresql.replication.LogSequenceNumber;
import org.postgresql.replication.PGReplicationStream;

class PgjdbcReplication {
    static Connection open(boolean replication) throws SQLException {
        Properties properties = new Properties();
        PGProperty.USER.set(properties, System.getenv("PGUSER"));
        PGProperty.SSL_MODE.set(properties, "disable");
        if (replication) {
            PGProperty.ASSUME_MIN_SERVER_VERSION.set(properties, "9.4");
            PGProperty.REPLICATION.set(properties, "database");
            PGProperty.PREFER_QUERY_MODE.set(properties, "simple");
        }
        return DriverManager.getConnection(
            "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE"), properties);
    }

    static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static PGReplicationStream start(Connection connection, LogSequenceNumber from) throws SQLException {
        return connection.unwrap(PGConnection.class).getReplicationAPI().replicationStream().logical().withSlotName("jdbc_slot")
            .withStartPosition(from).withSlotOption("include-xids", false).withSlotOption("skip-empty-xacts", true)
            .withStatusInterval(1, TimeUnit.SECONDS).start();
    }

    static List<String> read(PGReplicationStream stream, int rows) throws SQLException {
        List<String> lines = new ArrayList<>();
        while (rows > 0) {
            ByteBuffer message = stream.read();
            String line = StandardCharsets.UTF_8.decode(message).toString();
            lines.add(line);
            rows -= line.startsWith("COMMIT") ? 1 : 0;
            stream.setAppliedLSN(stream.getLastReceiveLSN());
            stream.setFlushedLSN(stream.getLastReceiveLSN());
        }
        return lines;
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection connection = open(false); Statement statement = connection.createStatement()) {
            statement.execute("create table t (id int primary key, v text)");
            LogSequenceNumber last;
            try (Connection replication = open(true)) {
                replication.unwrap(PGConnection.class).getReplicationAPI().createReplicationSlot().logical().withSlotName("jdbc_slot")
                    .withOutputPlugin("test_decoding").make();
                try (PGReplicationStream stream = start(replication, LogSequenceNumber.INVALID_LSN)) {
                    statement.execute("insert into t values (1, 'it''s')");
                    statement.execute("update t set v = 'x'");
                    List<String> lines = read(stream, 2);
                    check(lines.toString().equals("[BEGIN, table public.t: INSERT: id[integer]:1 v[text]:'it''s', COMMIT, "
                        + "BEGIN, table public.t: UPDATE: id[integer]:1 v[text]:'x', COMMIT]"), lines.toString());
                    stream.forceUpdateStatus();
                    last = stream.getLastReceiveLSN();
                }
            }
            // While nobody listens; then a second stream goes on where the first was.
            statement.execute("insert into t select n, 'bulk' from generate_series(2, 5000) n");
            boolean active = true;
            while (active) {
                try (ResultSet slot = statement.executeQuery("select active from pg_replication_slots where slot_name = 'jdbc_slot'")) {
                    check(slot.next(), "slot");
                    active = slot.getBoolean(1);
                }
            }
            try (Connection replication = open(true); PGReplicationStream stream = start(replication, last)) {
                List<String> lines = read(stream, 1);
                check(lines.size() == 5001 && lines.get(1).contains("id[integer]:2 ") && lines.get(4999).contains("id[integer]:5000 "), lines.size() + " lines");
            }
            try (Connection replication = open(true)) {
                boolean dropped = false;
                while (!dropped) {
                    try {
                        replication.unwrap(PGConnection.class).getReplicationAPI().dropReplicationSlot("jdbc_slot");
                        dropped = true;
                    } catch (SQLException inUse) {
                        check(inUse.getSQLState().equals("55006"), inUse.getSQLState());
                    }
                }
            }
        }
        System.out.println("ok");
    }
}
