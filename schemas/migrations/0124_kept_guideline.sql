-- From now on Vigie's own detector alerts where nobody has chosen. A clinic that was at work before, and had not chosen,
-- keeps the guideline until it does: an update must not change who is called. One that had chosen has its row.
INSERT INTO detector_choice (duty, detector, recorded_at, reason)
SELECT 'alerting', 'guideline', now(),
       'Mise à jour : la règle en service est gardée, sans la tendance MACD à côté. Essayez le détecteur de Vigie. / '
       'Update: the rule at work is kept, without the MACD trend beside it. Try Vigie''s own detector.'
WHERE EXISTS (SELECT FROM assessment)
  AND NOT EXISTS (SELECT FROM detector_choice WHERE duty = 'alerting');
