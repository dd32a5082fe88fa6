-- Every row that this query returns is a divergence.
-- key: payment_id
-- severity: warning
-- owner: finance-ops
-- description: a payment that the bank took back stands in the ledger as paid
SELECT ledger.payment_id, ledger.payer, bank.amount
FROM ledger
JOIN bank ON bank.payment_id = ledger.payment_id
WHERE ledger.amount > 0 AND bank.amount < 0
ORDER BY ledger.payment_id
