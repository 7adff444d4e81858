"""Prints every message of an exchange as a line of JSON: URL EXCHANGE KEY. Says "bound" first."""
import json
import sys

import pika

url, exchange, key = sys.argv[1:]
channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
channel.exchange_declare(exchange, exchange_type="topic", durable=True)
queue = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(queue, exchange, key)
print("bound", flush=True)
for method, properties, body in channel.consume(queue, auto_ack=True):
    line = {name: getattr(properties, name) for name in (
        "type", "message_id", "correlation_id", "app_id", "content_type", "delivery_mode", "timestamp", "headers")}
    line.update(routing_key=method.routing_key, body=body.decode(errors="replace"))
    print(json.dumps(line), flush=True)
