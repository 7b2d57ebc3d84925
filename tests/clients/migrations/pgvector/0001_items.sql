CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE "items" ("id" serial PRIMARY KEY NOT NULL, "embedding" vector(3) NOT NULL);
CREATE INDEX "items_embedding_idx" ON "items" USING hnsw ("embedding" vector_cosine_ops);
INSERT INTO "items" ("embedding") VALUES ('[1,2,3]'), ('[4,5,6]');
SELECT "id" FROM "items" ORDER BY "embedding" <=> '[1,2,3]' LIMIT 1;
