// pgjdbc against PGHOST/PGPORT/PGDATABASE: server-prepared statements, batches, fetch size, COPY, LISTEN, cancel. Prints "ok".
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

class PgjdbcClient {
    static Connection open() throws SQLException {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        return DriverManager.getConnection(url + "?sslmode=disable", System.getenv("PGUSER"), "");
    }

    static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection connection = open(); Statement statement = connection.createStatement()) {
            statement.execute("create table t (id int primary key, v text)");
            try (PreparedStatement insert = connection.prepareStatement("insert into t values (?, ?)")) {
                for (int i = 0; i < 2000; i++) {
                    insert.setInt(1, i);
                    insert.setString(2, "v" + i);
                    insert.addBatch();
                }
                check(insert.executeBatch().length == 2000, "batch");
            }
            // From the fifth execution on pgjdbc uses a named statement and binary results.
            try (PreparedStatement select = connection.prepareStatement("select v, id * 2 from t where id = ?")) {
                for (int i = 0; i < 50; i++) {
                    select.setInt(1, i);
                    try (ResultSet rows = select.executeQuery()) {
                        check(rows.next() && rows.getString(1).equals("v" + i) && rows.getInt(2) == i * 2, "row " + i);
                    }
                }
            }
            try {
                statement.execute("insert into t values (1, 'again')");
                check(false, "no error");
            } catch (SQLException exception) {
                check(exception.getSQLState().equals("23505"), exception.getSQLState());
            }
            connection.setAutoCommit(false);
            statement.setFetchSize(100);
            try (ResultSet rows = statement.executeQuery("select id from t order by id")) {
                int count = 0;
                while (rows.next()) {
                    check(rows.getInt(1) == count++, "order");
                }
                check(count == 2000, "fetch size");
            }
            connection.commit();
            connection.setAutoCommit(true);

            PGConnection postgres = connection.unwrap(PGConnection.class);
            check(postgres.getCopyAPI().copyIn("copy t from stdin", new StringReader("5000\tcopied\n")) == 1, "copy in");
            StringWriter out = new StringWriter();
            postgres.getCopyAPI().copyOut("copy (select v from t where id = 5000) to stdout", out);
            check(out.toString().equals("copied\n"), out.toString());

            statement.execute("listen java_channel");
            try (Connection other = open(); Statement notify = other.createStatement()) {
                notify.execute("notify java_channel, 'hello'");
            }
            PGNotification[] notifications = postgres.getNotifications(30000);
            check(notifications.length == 1 && notifications[0].getParameter().equals("hello"), "notification");

            statement.setQueryTimeout(1);
            try {
                statement.execute("select pg_sleep(600)");
                check(false, "not cancelled");
            } catch (SQLException exception) {
                check(exception.getSQLState().equals("57014"), exception.getSQLState());
            }
        }
        System.out.println("ok");
    }
}
