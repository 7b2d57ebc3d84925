// pgjdbc over TLS: the server at PGPORT with the authority in AUTHORITY, the one at EXPIREDPORT whose certificate is too old, a client's certificate and key in CERTIFICATE and KEY (PKCS #8, DER). Prints "ok".
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

class PgjdbcTls {
    static final String AUTHORITY = System.getenv("AUTHORITY"), PORT = System.getenv("PGPORT");

    static Connection open(String host, String port, String authority, String user, String more) throws SQLException {
        return DriverManager.getConnection(
            "jdbc:postgresql://" + host + ":" + port + "/postgres?sslmode=verify-full&sslrootcert=" + authority + more, user, "word");
    }

    static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    static void refused(String host, String port, String authority, String why) {
        try (Connection connection = open(host, port, authority, "scram", "")) {
            check(false, "connected: " + why);
        } catch (SQLException exception) {
            StringBuilder said = new StringBuilder();
            for (Throwable t = exception; t != null; t = t.getCause()) {
                said.append(t.getMessage()).append('\n');
            }
            check(said.toString().contains(why), said.toString());
        }
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection connection = open("127.0.0.1", PORT, AUTHORITY, "scram", "");
             PreparedStatement select = connection.prepareStatement("select version, length(?) from pg_stat_ssl where pid = pg_backend_pid()")) {
            select.setString(1, "x".repeat(1000000));
            try (ResultSet rows = select.executeQuery()) {
                check(rows.next() && rows.getString(1).equals("TLSv1.3") && rows.getInt(2) == 1000000, "a row");
            }
        }
        try (Connection connection = open("127.0.0.1", PORT, AUTHORITY, "ann", "&sslcert=" + System.getenv("CERTIFICATE") + "&sslkey=" + System.getenv("KEY"));
             ResultSet rows = connection.createStatement().executeQuery("select current_user")) {
            check(rows.next() && rows.getString(1).equals("ann"), "a client's certificate");
        }
        refused("127.0.0.1", PORT, System.getenv("STRANGER"), "PKIX path");
        refused("localhost", PORT, AUTHORITY, "localhost could not be verified");
        refused("127.0.0.1", System.getenv("EXPIREDPORT"), AUTHORITY, "validity check failed");
        System.out.println("ok");
    }
}
