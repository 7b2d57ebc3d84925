/** A migration with hstore and unaccent, in Knex' style. */
exports.up = async (knex) => {
  await knex.raw('create extension if not exists "uuid-ossp"');
  await knex.raw("CREATE EXTENSION IF NOT EXISTS hstore");
  await knex.raw("CREATE EXTENSION IF NOT EXISTS unaccent");
  await knex.schema.createTable("products", (table) => {
    table.uuid("id").primary().defaultTo(knex.raw("uuid_generate_v4()"));
    table.specificType("attributes", "hstore").notNullable();
    table.text("name").notNullable();
  });
};

exports.down = (knex) => knex.schema.dropTable("products");
