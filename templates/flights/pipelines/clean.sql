-- One row is one scheduled flight with what became of it, its aircraft and its direction.
SELECT
  flight_id,
  strftime(timezone('America/New_York', sched_dep), '%Y-%m-%d') AS day,
  sched_dep,
  origin,
  dest,
  carrier,
  tailnum,
  CASE
    WHEN late THEN 'late'
    WHEN known_at IS NOT NULL THEN 'on time'
    WHEN departed_at IS NOT NULL THEN 'diverted'
    ELSE 'cancelled'
  END AS outcome,
  dep_delay,
  arr_delay,
  distance,
  bearing,
  2013 - built AS aircraft_age,
  seats
FROM flights
LEFT JOIN planes USING (tailnum)
LEFT JOIN destinations ON faa = dest
