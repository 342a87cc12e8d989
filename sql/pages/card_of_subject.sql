-- The month's card of one customer and service. Inputs: board. Parameters: $customer, $service.

select board.card_id
from board
where board.company_id = $customer and board.service_group_id = $service
