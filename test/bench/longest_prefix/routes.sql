-- A routing table of 926 k prefixes of IPv4, as text of bits and as cidr, in d (n, k, c), and addresses that are looked
-- up, in q (i, k, c).
-- psql variables: rows, lookups
--
-- The number of prefixes of each length is about that in the Internet's table of 2023.  Half of them lie in a
-- shorter one, the others anywhere in one of 30 000 blocks of /16.
SET client_min_messages = warning;
CREATE TABLE drawn (n bigint PRIMARY KEY, length int NOT NULL, network bigint NOT NULL, UNIQUE (network, length));

DO $$
DECLARE
	bits int;
	want bigint;
	have bigint;
	round int := 0;
BEGIN
	FOR bits, want IN VALUES (8, 16), (9, 13), (10, 39), (11, 101), (12, 299), (13, 590), (14, 1200), (15, 2100),
			(16, 13500), (17, 8400), (18, 14000), (19, 25000), (20, 45000), (21, 52000), (22, 112000), (23, 97000),
			(24, 554742) LOOP
		WHILE want > 0 LOOP
			round := round + 1;
			SELECT count(*) INTO have FROM drawn;
			INSERT INTO drawn
			SELECT have + row_number() OVER (ORDER BY i), bits, network
			FROM (SELECT DISTINCT ON (network) i, network
				FROM (SELECT i, (CASE
							-- In a shorter one
							WHEN p.length < bits THEN p.network + floor(chance(i, 10 * round) * 2.0 ^ (32 - p.length))::bigint
							-- Anywhere in 1.0.0.0 to 223.255.255.255
							WHEN bits < 16 THEN 16777216 + floor(chance(i, 10 * round) * 223 * 16777216)::bigint
							ELSE ((256 + floor(chance(floor(30000 * chance(i, 10 * round + 1))::bigint, 1) * 223 * 256)::bigint) << 16) +
								floor(chance(i, 10 * round + 2) * 65536)::bigint
						END >> (32 - bits)) << (32 - bits) AS network
					FROM generate_series(1, want) AS i
						LEFT JOIN drawn AS p ON chance(i, 10 * round + 3) < 0.5 AND p.n = 1 + floor(have * chance(i, 10 * round + 4))::bigint) AS s
				WHERE NOT EXISTS (SELECT FROM drawn AS d WHERE d.network = s.network AND d.length = bits) ORDER BY network, i) AS s;
			want := want - ((SELECT count(*) FROM drawn) - have);
		END LOOP;
	END LOOP;
END $$;

CREATE TABLE d AS
	SELECT (row_number() OVER (ORDER BY hashint8extended(n, 3)))::int AS n,
		left(network::bit(32)::text, length)::text COLLATE "C" AS k,
		set_masklen('0.0.0.0'::inet + network, length)::cidr AS c
	FROM (SELECT * FROM drawn ORDER BY hashint8extended(n, 2) LIMIT :rows) AS s ORDER BY 1;

-- Addresses: 9 of 10 in a route.
CREATE TABLE q AS
	SELECT i::int, address::bit(32)::text COLLATE "C" AS k, ('0.0.0.0'::inet + address)::cidr AS c
	FROM (SELECT i, CASE WHEN d.n IS NULL THEN 16777216 + floor(chance(i, 7) * 223 * 16777216)::bigint
				ELSE (host(d.c)::inet - '0.0.0.0') + floor(chance(i, 4) * 2.0 ^ (32 - masklen(d.c)))::bigint END AS address
		FROM generate_series(1, :lookups) AS i
			LEFT JOIN d ON chance(i, 5) < 0.9 AND d.n = 1 + floor(:rows * chance(i, 6))::int) AS s
	ORDER BY i;
DROP TABLE drawn;
