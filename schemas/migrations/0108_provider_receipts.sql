-- SMS providers say what became of a message in formats of their own, and may say it twice.
ALTER TABLE delivery_receipt ADD COLUMN provider_said text;  -- provider, its own number of the message, and its word
CREATE INDEX delivery_receipt_said ON delivery_receipt (provider_said) WHERE provider_said IS NOT NULL;
