// What a connection costs by pgjdbc, without TLS and with it in turn: java Connect.java ROUNDS CONNECTIONS NAME=PORT... A line of JSON for each round and server. Run by bench/tls.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;

class Connect {
    static double sample(String port, boolean tls, int n) throws Exception {
        String url = "jdbc:postgresql://127.0.0.1:" + port + "/postgres?gssEncMode=disable&sslmode=" + (tls ? "require" : "disable");
        long begin = System.nanoTime();
        for (int i = 0; i < n; i++) {
            try (Connection connection = DriverManager.getConnection(url, "postgres", ""); Statement statement = connection.createStatement()) {
                statement.execute("select 1");
            }
        }
        return (System.nanoTime() - begin) / 1e6 / n;
    }

    public static void main(String[] arguments) throws Exception {
        int rounds = Integer.parseInt(arguments[0]), count = Integer.parseInt(arguments[1]);
        for (int round = 0; round <= rounds; round++) {
            for (int i = 2; i < arguments.length; i++) {
                String[] target = arguments[i].split("=");
                double[] ms = new double[2];
                for (int turn = 0; turn < 2; turn++) {
                    int tls = (round + turn) % 2;
                    ms[tls] = sample(target[1], tls == 1, count);
                }
                if (round > 0) { // the first warms up
                    System.out.println("{\"target\": \"" + target[0] + "\", \"plain\": " + ms[0] + ", \"tls\": " + ms[1] + "}");
                }
            }
        }
    }
}
