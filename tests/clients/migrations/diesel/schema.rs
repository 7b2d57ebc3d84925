diesel::table! {
    use diesel::sql_types::*;
    use diesel_ltree::sql_types::Ltree;

    categories (id) {
        id -> Uuid,
        path -> Ltree,
        secret -> Text,
    }
}
