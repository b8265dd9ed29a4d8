-- One row is one day, airport of departure and carrier. Delays are whole minutes, so their sums do not depend on order.
SELECT
  day,
  origin,
  carrier,
  count(*) AS flights,
  count(*) FILTER (outcome = 'cancelled') AS cancelled,
  count(*) FILTER (outcome = 'diverted') AS diverted,
  count(*) FILTER (outcome = 'late') AS late,
  sum(arr_delay)::BIGINT AS delay_minutes,
  sum(seats) FILTER (outcome = 'late')::BIGINT AS seats_late
FROM clean
GROUP BY ALL
