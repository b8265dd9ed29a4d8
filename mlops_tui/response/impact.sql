-- One row: what the model answered from $from to $until, and what became of it as far as outcomes were known at $now.
-- Scores are added up as decimals: sums of floating-point numbers differ from run to run where two threads add.
SELECT count(*) AS predictions,
       avg(CAST(p.score AS DECIMAL(18, 15))) AS predicted,
       count(*) FILTER (WHERE p.score >= $threshold) AS flagged,
       count(*) FILTER (WHERE l.known) AS outcomes_known,
       avg(l.label) FILTER (WHERE l.known) AS seen,
       count(*) FILTER (WHERE l.known AND l.label = 0 AND p.score >= $threshold) AS false_alarms,
       count(*) FILTER (WHERE l.known AND l.label = 1 AND p.score < $threshold) AS missed
FROM {predictions} AS p
LEFT JOIN (SELECT {key}, CAST({label} AS INTEGER) AS label,
                  {label} IS NOT NULL AND {known_at} + {delay} <= $now AS known
           FROM {labels}) AS l USING ({key})
WHERE p.{time} >= $from AND p.{time} < $until
