-- 50 k phone prefixes, in d (n, k), and numbers that are looked up, in q (i, k).
-- psql variables: rows, lookups
--
-- The country codes are those in use; what follows them is drawn.  A new prefix continues one that is there (often one of
-- the first: countries differ in size), so they nest as those of a dial plan do.  Lengths are as in a price list of
-- calls: most have 5 to 7 digits.
SET client_min_messages = warning;
CREATE TABLE drawn (n bigint PRIMARY KEY, k text COLLATE "C" NOT NULL UNIQUE);
INSERT INTO drawn
SELECT row_number() OVER (), k
FROM regexp_split_to_table('1 44 49 33 39 34 7 86 91 81 55 52 61 62 63 90 48 31 32 30 36 40 41 43 45 46 47 51 53 54 56 57 58 60
	64 65 66 82 84 92 93 94 95 98 20 27 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235
	236 237 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266
	267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 379 380 381
	382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670
	672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 878 880
	881 882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998',
	'\s+') WITH ORDINALITY AS s (k, place) ORDER BY place;

DO $$
DECLARE
	length int;
	want bigint;
	have bigint;
	round int := 0;
BEGIN
	-- How many of each length, of 49 800 beside the country codes.
	FOR length, want IN VALUES (3, 300), (4, 3000), (5, 9500), (6, 15000), (7, 14000), (8, 6000), (9, 2000) LOOP
		WHILE want > 0 LOOP
			round := round + 1;
			SELECT count(*) INTO have FROM drawn;
			INSERT INTO drawn
			SELECT have + row_number() OVER (ORDER BY i), k
			FROM (SELECT DISTINCT ON (k) i, k
				FROM (SELECT i, p.k || substr(lpad((chance(i, 10 * round + 1) * 1e9)::bigint::text, 9, '0'), 1,
							length - length(p.k)) AS k
					FROM generate_series(1, want) AS i
						JOIN drawn AS p ON p.n = 1 + floor(have * chance(i, 10 * round) ^ 2)::bigint
					WHERE length(p.k) < length) AS s
				WHERE NOT EXISTS (SELECT FROM drawn AS d WHERE d.k = s.k) ORDER BY k, i) AS s;
			want := want - ((SELECT count(*) FROM drawn) - have);
		END LOOP;
	END LOOP;
END $$;

CREATE TABLE d AS
	SELECT (row_number() OVER (ORDER BY hashint8extended(n, 3)))::int AS n, k
	FROM (SELECT n, k FROM drawn ORDER BY hashint8extended(n, 2) LIMIT :rows) AS s ORDER BY 1;

-- Numbers of 11 to 13 digits: 19 of 20 continue a prefix.
CREATE TABLE q AS
	SELECT i::int, left(coalesce(d.k, '') || lpad(floor(chance(i, 6) * 1e13)::bigint::text, 13, '0'),
		11 + (i % 3)::int)::text COLLATE "C" AS k
	FROM generate_series(1, :lookups) AS i
		LEFT JOIN d ON chance(i, 4) < 0.95 AND d.n = 1 + floor(:rows * chance(i, 5))::int
	ORDER BY i;
DROP TABLE drawn;
