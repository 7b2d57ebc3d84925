import { customType, index, pgTable, serial } from "drizzle-orm/pg-core";
import { sql } from "drizzle-orm";

const citext = customType<{ data: string }>({ dataType: () => "citext" });
const ltree = customType<{ data: string }>({ dataType: () => "ltree" });

// hstore is only mentioned here.
export const pages = pgTable("pages", {
  id: serial("id").primaryKey(),
  slug: citext("slug").notNull().unique(),
  path: ltree("path").notNull(),
}, (t) => [index("pages_path_idx").using("gist", t.path), index("pages_slug_idx").using("gin", sql`${t.slug}::text gin_trgm_ops`)]);
