create extension pgmq;
select pgmq.create('q');
select pgmq.send('q', '{"a": 1}'), pgmq.send('q', '{"a": 2}');
select msg_id, read_ct, message from pgmq.read('q', 30, 1);
select pgmq.archive('q', 1), pgmq.delete('q', 2), pgmq.delete('q', 99);
select queue_length, total_messages from pgmq.metrics('q');
select pgmq.drop_queue('q');
