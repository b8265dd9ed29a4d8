-- description: How late flights from New York reach the destination now: arrivals of the last 6 and 24 hours.
-- entity: dest
-- time: as_of
-- available_after: 0m
-- lookback: 3d
-- ttl: 1d
-- One row is one destination and hour in which a window changed (how: see airport_delays.sql).
WITH arrived AS (
  SELECT dest, time_bucket(INTERVAL 1 HOUR, known_at + INTERVAL 59 MINUTE) AS since,
    count(*) AS flights, sum(late::INTEGER) AS late, sum(least(arr_delay, 180)) AS delay
  FROM flights WHERE known_at IS NOT NULL GROUP BY ALL
),
change AS (
  SELECT dest, since AS as_of, flights AS n6, delay AS delay6, flights AS n24, late AS late24 FROM arrived
  UNION ALL SELECT dest, since + INTERVAL 6 HOUR, -flights, -delay, 0, 0 FROM arrived
  UNION ALL SELECT dest, since + INTERVAL 24 HOUR, 0, 0, -flights, -late FROM arrived
),
state AS (
  SELECT dest, as_of, sum(sum(n6)::DOUBLE) OVER past AS n6, sum(sum(delay6)::DOUBLE) OVER past AS delay6,
    sum(sum(n24)::DOUBLE) OVER past AS n24, sum(sum(late24)::DOUBLE) OVER past AS late24
  FROM change
  GROUP BY dest, as_of
  WINDOW past AS (PARTITION BY dest ORDER BY as_of ROWS UNBOUNDED PRECEDING)
)
SELECT dest, as_of,
  delay6 / nullif(n6, 0) AS route_delay_6h,  -- mean delay of the arrivals there known in 6 hours, minutes, each at most 180
  late24 / nullif(n24, 0) AS route_late_24h  -- share of the arrivals there known in 24 hours that were late
FROM state
