#!/bin/sh
# Prints SQL that keeps sqlite3 busy: about a tenth of a second of CPU time a round. Usage: sqlite_workload.sh [ROUNDS]
rounds=${1:-1}
echo 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, kind INTEGER, price REAL);'
echo 'CREATE TABLE kind (id INTEGER PRIMARY KEY, title TEXT);'
echo "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
      INSERT INTO kind SELECT i, printf('kind %03d', i) FROM n;"
while [ "$rounds" -gt 0 ]; do
    cat <<'SQL'
DELETE FROM item;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
  INSERT INTO item SELECT i, printf('item %08x', (i * 2654435761) % 4294967296), i * 7919 % 100, i % 977 / 7.0 FROM n;
CREATE INDEX item_name ON item (name);
SELECT kind.title, count(*), round(avg(price), 3) FROM item JOIN kind ON item.kind = kind.id
  GROUP BY kind.title ORDER BY 3 DESC LIMIT 5;
SELECT count(*) FROM item WHERE name LIKE '%ab%' OR upper(name) GLOB '*F?0*';
SELECT length(group_concat(name, ',')), sum(length(replace(name, '0', 'oo'))) FROM item;
SELECT id, name FROM item ORDER BY substr(name, 8), price LIMIT 3;
UPDATE item SET price = price * 1.01 WHERE kind % 3 = 0;
DROP INDEX item_name;
SQL
    rounds=$((rounds - 1))
done
