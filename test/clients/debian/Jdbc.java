// JDBC as its users write it: prepared statements, a batch, a fetch size.

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashSet;
import java.util.Properties;
import java.util.Set;
import org.postgresql.util.PSQLException;

public class Jdbc {
    private static final String TAG = System.getenv("CLIENT");
    private static final String INSERT =
        "insert into salesforce.contacts (first_name, last_name, email) values (?, ?, ?)";
    private static final String BY_EMAIL = "select count(*) from salesforce.contacts where email = ?";

    public static void main(String[] args) throws SQLException {
        Properties login = new Properties();
        login.setProperty("user", System.getenv("PGUSER"));
        login.setProperty("password", System.getenv("PGPASSWORD"));
        String url = String.format("jdbc:postgresql://%s:%s/%s",
            System.getenv("PGHOST"), System.getenv("PGPORT"), System.getenv("PGDATABASE"));
        try (Connection db = DriverManager.getConnection(url, login)) {
            say("client", "'version':'%s'", db.getMetaData().getDriverVersion());
            String id = insert(db);
            update(db, id);
            refused(db);
            rollback(db);
            chain(db);
            batch(db);
            cursor(db);
            delete(db, id);
        }
    }

    private static String insert(Connection db) throws SQLException {
        // getGeneratedKeys is how frameworks ask for the id: the driver adds RETURNING itself
        try (PreparedStatement insert = db.prepareStatement(INSERT, new String[] {"id", "name"})) {
            bind(insert, "Paul", "Atreides", "paul@" + TAG + ".example").executeUpdate();
            ResultSet keys = insert.getGeneratedKeys();
            keys.next();
            String id = keys.getString("id");
            say("insert", "'id':'%s','name':'%s'", id, keys.getString("name"));
            return id;
        }
    }

    private static void update(Connection db, String id) throws SQLException {
        try (PreparedStatement update =
            db.prepareStatement("update salesforce.contacts set title = ? where id = ?")) {
            int rows = bind(update, "Duke", id).executeUpdate();
            try (PreparedStatement title =
                db.prepareStatement("select title from salesforce.contacts where id = ?")) {
                ResultSet row = bind(title, id).executeQuery();
                row.next();
                say("update", "'rows':%d,'title':'%s'", rows, row.getString(1));
            }
        }
    }

    private static void refused(Connection db) throws SQLException {
        try (PreparedStatement insert = db.prepareStatement(INSERT)) {
            bind(insert, "Paul", "Atreides", TAG).executeUpdate();
        } catch (PSQLException error) {
            var told = error.getServerErrorMessage();
            say("refused", "'sqlstate':'%s','message':'%s','detail':'%s','column':'%s'",
                error.getSQLState(), told.getMessage(), told.getDetail(), told.getColumn());
        }
    }

    private static void rollback(Connection db) throws SQLException {
        db.setAutoCommit(false);
        try (PreparedStatement note =
                db.prepareStatement("insert into public.local_notes (body) values (?)");
            PreparedStatement insert = db.prepareStatement(INSERT)) {
            bind(note, TAG).executeUpdate();
            bind(insert, "Chani", "Kynes", "chani@" + TAG + ".example").executeUpdate();
        }
        db.rollback();
        db.setAutoCommit(true);
        say("rollback", "'contacts':%d,'notes':%d",
            count(db, BY_EMAIL, "chani@" + TAG + ".example"),
            count(db, "select count(*) from public.local_notes where body = ?", TAG));
    }

    private static void chain(Connection db) throws SQLException {
        try (PreparedStatement chain = db.prepareStatement(
            "with made as (insert into salesforce.contacts (last_name, email) values (?, ?) returning id)"
                + " insert into public.local_notes (contact_id, body) select id, ? from made")) {
            int rows = bind(chain, "Kynes", "kynes@" + TAG + ".example", TAG).executeUpdate();
            say("chain", "'rows':%d,'joined':%d", rows, count(db,
                "select count(*) from public.local_notes n join salesforce.contacts c"
                    + " on c.id = n.contact_id where n.body = ?", TAG));
        }
    }

    private static void batch(Connection db) throws SQLException {
        Set<String> ids = new HashSet<>();
        try (PreparedStatement insert = db.prepareStatement(INSERT, new String[] {"id"})) {
            for (String name : new String[] {"stilgar", "jamis", "harah"}) {
                bind(insert, null, name, name + "@" + TAG + ".example").addBatch();
            }
            insert.executeBatch();
            ResultSet keys = insert.getGeneratedKeys();
            while (keys.next()) ids.add(keys.getString(1));
        }
        say("batch", "'rows':%d", ids.size());
    }

    private static void cursor(Connection db) throws SQLException {
        int rows = 0;
        long sum = 0;
        db.setAutoCommit(false); // without a transaction the driver reads all at once
        try (Statement select = db.createStatement()) {
            select.setFetchSize(1000);
            ResultSet readings = select.executeQuery("select id, value from public.readings");
            for (; readings.next(); rows++) sum += readings.getInt("id");
        }
        db.commit();
        db.setAutoCommit(true);
        say("cursor", "'rows':%d,'sum':%d", rows, sum);
    }

    private static void delete(Connection db, String id) throws SQLException {
        try (PreparedStatement delete =
            db.prepareStatement("delete from salesforce.contacts where id = ?")) {
            int rows = bind(delete, id).executeUpdate();
            say("delete", "'rows':%d,'left':%d", rows,
                count(db, BY_EMAIL, "paul@" + TAG + ".example"));
        }
    }

    private static PreparedStatement bind(PreparedStatement statement, String... values)
        throws SQLException {
        for (int at = 0; at < values.length; at++) statement.setString(at + 1, values[at]);
        return statement;
    }

    private static long count(Connection db, String query, String value) throws SQLException {
        try (PreparedStatement statement = db.prepareStatement(query)) {
            ResultSet row = bind(statement, value).executeQuery();
            row.next();
            return row.getLong(1);
        }
    }

    private static void say(String step, String seen, Object... values) {
        System.out.printf(("{'step':'" + step + "'," + seen + "}%n").replace('\'', '"'), values);
    }
}
