create extension pg_uuidv7;
select substr(uuid_generate_v7()::text, 15, 1), uuid_generate_v7() <> uuid_generate_v7();
select uuid_v7_to_timestamptz('018570bb-4a7d-7c7e-8df4-6d47afd8c8fc') at time zone 'UTC', uuid_timestamptz_to_v7('2023-01-02 04:26:40.637+00', true);
