-- description: In double entry, the debits of an entry are its credits.
-- key: entry_id
-- severity: critical
-- owner: accounting
SELECT
    entry_id,
    min(payment_id) AS payment_id,
    sum(debit) AS debit,
    sum(credit) AS credit,
    sum(debit) - sum(credit) AS difference
FROM ledger.entries
GROUP BY entry_id
HAVING sum(debit) <> sum(credit)
