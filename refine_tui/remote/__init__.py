"""A model server that speaks the OpenAI protocol, behind the same port as the model that runs here."""
