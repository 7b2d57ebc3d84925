CREATE EXTENSION IF NOT EXISTS citext;--> statement-breakpoint
CREATE EXTENSION IF NOT EXISTS ltree;--> statement-breakpoint
CREATE EXTENSION IF NOT EXISTS pg_trgm;--> statement-breakpoint
CREATE TABLE "pages" (
	"id" serial PRIMARY KEY NOT NULL,
	"slug" "citext" NOT NULL,
	"path" "ltree" NOT NULL,
	CONSTRAINT "pages_slug_unique" UNIQUE("slug")
);
--> statement-breakpoint
CREATE INDEX "pages_path_idx" ON "pages" USING gist ("path");--> statement-breakpoint
CREATE INDEX "pages_slug_idx" ON "pages" USING gin (("slug"::text) gin_trgm_ops);--> statement-breakpoint
INSERT INTO "pages" ("slug", "path") VALUES ('Home', 'top'), ('About', 'top.about');
