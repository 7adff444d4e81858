"""Publishes a task as README.md shows it: URL QUEUE ID BODY."""
import sys

import pika

url, queue, task_id, body = sys.argv[1:]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()
channel.basic_publish(
    exchange="", routing_key=queue, body=body, mandatory=True,
    properties=pika.BasicProperties(message_id=task_id, content_type="application/json", delivery_mode=2))
connection.close()
